"""Secrets that the name they stand under gives away: `password: …`, `API_KEY=…`, `das Passwort ist …`."""

import re
from functools import lru_cache

from app.kit.secrets.kind import Certainty, Kind, Pattern
from app.kit.secrets.parts import VALUE, secret_in
from app.kit.secrets.values import is_generated, is_no_secret, weigh_prose, weigh_strong, weigh_value
from app.kit.secrets.wordset import WordSet
from app.kit.text import folded

# Words for what opens a door, as they begin; what follows within the word may be anything.
_LATIN = """
    passw|passphrase|passcode|passord|pwd|secret|credential|kennwort|zugangscode|geheimwort|mot de passe
    |motdepasse|mdp|contrase|contrasinal|senha|palavra-passe|palavra passe|palavra-chave
    |wachtwoord|lösenord|losenord|adgangskode|kodeord|salasana|hasło|hasła|haslo|heslo|jelszó|jelszo|parolă|parola
    |lozinka|zaporka|geslo|parool|salasõna|slaptažodis|lykilorð|şifre|sifre|mật khẩu|mat khau|kata sandi
    |kata laluan|парол|лозинка|κωδικός πρόσβασης|κωδικός|συνθηματικό|סיסמה|סיסמא
    |كلمة المرور|كلمة السر|رمز عبور|गुप्त|पासवर्ड|পাসওয়ার্ড|รหัสผ่าน|api-schlüssel|api schlüssel|clé api
    |clé d'api|cle api|clave de api|clave api|chave de api|chave api|chiave api|klucz api|ключ api
    |api-nyckel|api-sleutel|api-nøkkel|api-nøgle|api anahtar
""".replace("\n", "")
_STEMS = tuple(sorted({stem.strip() for stem in _LATIN.split("|")}, key=len, reverse=True))
_TOKENS = r"token(?!i[sz]|omic)"
_KEY = (
    r"(?:(?<=api)|(?<=api[\s_-])|(?<=access)|(?<=access[\s_-])|(?<=private)|(?<=private[\s_-])|(?<=auth)"
    r"|(?<=auth[\s_-])|(?<=account)|(?<=account[\s_-])|(?<=signing)|(?<=signing[\s_-])|(?<=encryption)"
    r"|(?<=encryption[\s_-])|(?<=master[\s_-])|(?<=masterkey)|(?<=shared[\s_-])|(?<=role[\s_-])"
    r"|(?<=license[\s_-])|(?<=x-functions-)|(?<=subscription[\s_-]))key"
)
_PASSES = r"(?<=[a-z\d][_-])(?:pass|pw)(?![a-z])|(?<=ssh)pass(?==)"
_NAME = rf"""
    (?<!\d:)(?: {"|".join(re.escape(stem) for stem in _STEMS)} | {_TOKENS} | {_KEY} | {_PASSES} )
    (?!ar(?:y|ies|iat)|smanager) [\w-]{{0,40}}+
"""
# `for root`, `(root)`: whose or what for.
_OF = r"""
    (?: \s?\([^()\n]{1,40}\)
      | \s(?:of|for|to|on|at|von|für|zu|zum|der|des|de|du|da|do|di|del|della|pour|per|para|voor
        |för|til|till|dla|do|для|от|на|к)
        \s(?:[\w.@/-]{1,30}+\s){0,3}[\w.@/-]{1,30}+
      | (?:\s[\u0370-\u1fff]{2,30}){1,3} )?
"""
_SAYS = r"""
    (?: (?:is|was|are|equals|reads|has\sbeen|ist|war|lautet|wurde|es|era|é|e|è|est|jest|är|er|je|este|là
        |adalah|это|теперь|είναι|هي|היא)
        (?:\s(?:now|still|again|set|reset|changed|updated|rotated|to|as|jetzt|nun|auf|geändert|gesetzt|ahora
        |cambiada|agora|maintenant|adesso|teraz|nu)){0,4}
      | (?:set|reset|changed|updated|rotated|renewed|geändert|gesetzt|cambiada|alterada|changé)
        \s(?:to|as|auf|a|para|en)
    )
"""
_CLOSE = r"""(?:\\{0,3}["'`*\])]{1,4})?"""
_SEPARATOR = rf"""
    (?: \s{{0,3}}(?: :=|=>|->|\u2192|[=:\uff1a\uff1d] )(?!=)[*_]{{0,2}}\s{{0,3}}
      | [^\S\n]?[|>][^\S\n]?
      | (?P<says>\s{_SAYS}[\s:] | \s[-\u2013\u2014]\s)\s{{0,3}}
      | ,?\s{{1,6}}["']?value["']?\s{{0,2}}[=:]\s{{0,2}} )
"""
_NAMED = Pattern(rf"(?ix) ({_NAME}) {_OF} {_CLOSE} {_SEPARATOR} {VALUE}")
_BARE = Pattern(
    rf"""(?ix) ({_NAME}) \s{{1,2}}(?:(?:to|on|as|with)\s)?(["'`]?)
    (?![=:])([\w!@\#%^&$*?+/=.~-]{{6,200}})(?![\w(])"""
)
# Short names, which mean something else as often: only what looks like a password counts.
_SHORT = Pattern(
    rf"""(?ix) (?<![a-z\d_-])(?:pass|pw|creds?|login|pin|clave|chave|chiave|zugang|zugangsdaten|key|jeton)
    {_CLOSE} (?:\s{{0,2}}[=:]|\s(?:is|es|é|è)|(?<=clave)|(?<=chave)|(?<=chiave))\s{{0,2}} {VALUE}"""
)
# `mot de passe administrateur : …`: a word or two may be prose as well, so the value has to look like one.
_DESCRIBED = Pattern(rf"(?ix) (?:{_NAME}) (?:\s[^\W\d]{{2,30}}){{1,2}} \s{{0,2}}[:=]\s{{0,2}} {VALUE}")
_UNSPACED_NAMES = (
    *("パスワード", "パスコード", "暗証番号", "合言葉", "秘密鍵", "アクセスキー", "apiキー", "トークン"),
    *("密码", "密碼", "口令", "密钥", "密鑰", "令牌", "비밀번호", "패스워드", "암호", "토큰"),
)
# The rest of a phrase, and what stands in ASCII behind it: no two ways to part the same text are tried.
_UNSPACED_REST = r"""
    (?: [^\x00-\x7f:\uff1a=\n]{16} [\s(\uff08\w.)\uff09-]{0,20}?
      | [^\x00-\x7f:\uff1a=\n]{0,16} (?: (?=[\x00-\x7f])[\s(\w.)-] [\s(\uff08\w.)\uff09-]{0,19}? )?? )
"""
_UNSPACED = Pattern(
    rf"""(?xi) ({"|".join(_UNSPACED_NAMES)}) {_UNSPACED_REST}
    (?: [:=\uff1a\uff1d\u300c\u300e"'`]|は|が|を|に|是|为|為|는|은|를|을|가|\s ) [\s"'`\u300c\u300e]{{0,3}}
    (?<![!-~][!-~])([!-~]{{6,200}})"""
)
_FIELD = Pattern(rf"(?ix) (?:{_NAME} | {'|'.join(_UNSPACED_NAMES)}) .{{0,40}}")
_GENERATED_NAMES = re.compile(r"(?i)token|key")
_FIELD_SEPARATORS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\s_.-]+")
_STEM_WORDS = tuple(dict.fromkeys((*_STEMS, "token", "key", "pass", "pw")))
_FIELD_WORDS = WordSet((*_STEM_WORDS, *_UNSPACED_NAMES))


def field_name(key: str) -> str:
    """The words in a JSON key such as `dbPassword` or `db_password`, when it names a secret; else empty."""
    return _field_name(key[-200:])


@lru_cache(maxsize=4096)
def _field_name(key: str) -> str:
    for text in (_FIELD_SEPARATORS.sub(" ", key).lower(), key):
        for place in _FIELD_WORDS.places(folded(text)):
            if match := _FIELD.match(text, place):
                return match[0]
    return ""


def _weigh_named(match: re.Match[str]) -> Certainty:
    value, said = secret_in(match), match["says"] and match.lastindex == match.re.groups
    return weigh_prose(match[1], value) if said else weigh_value(match[1], value)


def _weigh_by_form(match: re.Match[str]) -> Certainty:
    return weigh_strong(secret_in(match))


def _weigh_behind(match: re.Match[str]) -> Certainty:
    value = secret_in(match)
    quoted = match[2] and match[1].lower().startswith("pass") and any(map(str.isdigit, value))
    possible = quoted and weigh_value(match[1], value)
    if _GENERATED_NAMES.fullmatch(match[1]) and is_generated(value):
        return Certainty.LIVE
    return weigh_strong(value) or (Certainty.POSSIBLE if possible else Certainty.NONE)


def _weigh_unspaced(match: re.Match[str]) -> Certainty:
    value = secret_in(match)
    if is_no_secret(value, value) or not any(map(str.isdigit, value)):
        return Certainty.NONE
    return weigh_value(match[1], value)


NAMED = (
    Kind(
        name="value under a name",
        words=_STEM_WORDS,
        pattern=_NAMED,
        examples=(
            "password=«hunter2hunter2»",
            "password=«hunter2»",
            "Logged in with password: «Kanu!tt88»",
            'the password is "«Zx9q7LmT2vKw8RtY»"',
            "**Password:** «Kanu!tt88»",
            "The password for root is «Kanu!tt88» now",
            "password (staging): «Kanu!tt88»",
            "his new password is «Harbour!2291» so that he sees it",
            "the password was changed to «Harbour!2291»",
            "PGPASSWORD=«Tr0ub4dor» psql -h db",
            "export X_TOKEN=«q8Zr71LmPx02»",
            "export DB_PASSWORD=«S3cr3tValue»",
            "SMTP_PASS=«q8Zr71LmPx02»",
            "SSHPASS=«T0psecret!» sshpass -e ssh x",
            "db_passwd = '«Zx9q7LmT2vKw»'",
            '{"db_password": "«Kanu,tt-88!x»"}',
            r"{\"api_key\": \"«q8Zr71LmPx02»\"}",
            "db:\n  password: «q8Zr71LmPx02»\n  port: 5432",
            "<password>«q8Zr71LmPx02»</password>",
            "| password | «q8Zr71LmPx02» |",
            "client_secret: «q8Zr71LmPx02»",
            "https://api.test/v2/feed?api_key=«9fQ2-Lark-77aPz0Xw31»&stations=48",
            "?access_token=«Zx9q7LmT2vKw8RtY»&x=1",
            "X-Api-Key: «q8Zr71LmPx02»",
            "PRIVATE-TOKEN: «q8Zr71LmPx02»",
            "AWS_SECRET_ACCESS_KEY=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYzUw9QmTqLd»",
            '"SecretAccessKey": "«wJalrXUtnFEMI/K7MDENG/bPxRfiCYzUw9QmTqLd»"',
            "AccountName=acme;AccountKey=«q8Zr71LmPx02aBcDeFgHiJkL+/==»;EndpointSuffix=core.windows.net",
            "SharedAccessKeyName=root;SharedAccessKey=«q8Zr71LmPx02aBcDeFg=»",
            "Server=db;User Id=sa;Pwd=«q8Zr71LmPx02»;",
            "secret: «12345678»",
            "credentials: «admin/Kranich!4471»",
            "- name: DB_PASSWORD\n  value: «q8Zr71LmPx02»",
            '<add key="ApiKey" value="«q8Zr71LmPx02»" />',
            "password - «Kanu!tt88»",
            "das Passwort ist «Sommer2026!»",
            "Neues Kennwort lautet «Sommer2026!»",
            "contraseña: «Verano2026!»",
            "la nueva contraseña es «Limon-Torre-7719»",
            "le mot de passe est «Ete2026!x»",
            "mdp : «Ete2026!x»",
            "senha: «Verao2026!»",
            "parola: «Yaz2026!x»",
            "wachtwoord = «Zomer2026!»",
            "lösenordet är «Sommar2026!»",
            "hasło: «Lato2026!x»",
            "heslo je «Leto2026!x»",
            "şifre: «Yaz2026!x»",
            "пароль: «Leto2026!x»",
            "Пароль от базы: «Leto2026!x»",
            "Пароль администратора: «Leto2026!x»",
            "La password di root è «Estate2026!»",
            "salasana: «Kesa2026!»",
            "jelszó: «Nyar2026!»",
            "mật khẩu là «Mua2026!x»",
            "κωδικός: «Kalo2026!x»",
            "סיסמה: «Kayitz2026!»",
            "كلمة المرور: «Sayf2026!»",
            "API-Schlüssel: «q8Zr71LmPx02»",
            "clé API : «q8Zr71LmPx02»",
        ),
        possible=(
            "password: «swordfish»",
            'the password is "«swordfish»"',
            'passphrase = "«correct horse battery staple»"',
            "secret: «replica-dsn-2»",
        ),
        near_misses=(
            "password: none",
            "Password: ****",
            "password=${DB_PASS_1}",
            "password: {{ vault_db_password1 }}",
            "password = os.environ['DB_PASS1']",
            "password=$DB_PASS1 psql",
            "api_key: vault:feeds/meteon2",
            "secret: kv/infra/deploy-2",
            "secret: arn:aws:secretsmanager:eu-west-1:1234:secret:db1",
            "Authorization token: <your token 1>",
            "password=[redacted]",
            "password: xxxxxxxx",
            "the token is expired",
            "Login failed because the access token is expired",
            "Summarised 12 threads, tokens: 15234, prompt_tokens=1,204",
            "max_tokens=4096 tokens/s: 120.5",
            "Password policy raised to 14 characters",
            "the password reset flow is tested",
            "password was changed on 2026-10-03",
            "password_changed_at: 2026-10-03T10:00:00Z",
            "token_url: https://login.test/oauth2",
            "token_count: 123456",
            "secret_name: reports-db-7",
            "Rotated the access token and reset 14 passwords",
            "secretary: Brandt88",
            "tokenizer: bert-base-0.19",
            "PasswordAuthentication no",
            "monkey: 12 of 14b",
            "duplicate key value: id 42a17",
            "author=lindqvist22",
            "passed=14, pass=14/14",
            "secret: SEC-301",
            "password: see vault",
            "missing token: GITHUB_TOKEN",
            "password=DB_PASSWORD, secret: RUNLOG_ALERT_WEBHOOK_SECRET_FILE",
            "RUNLOG_ALERT_WEBHOOK_SECRET: what follows whsec_ must be base64",
            "RUNLOG_JUDGE_API_KEY: Input should be a valid string",
            "password:\n  secretKeyRef:\n    name: db-2",
            "Passwort: geändert",
        ),
        weigh=_weigh_named,
    ),
    Kind(
        name="value behind a name",
        words=_STEM_WORDS,
        pattern=_BARE,
        examples=(
            "Works with user alerts and password «Kanu!tt88-blau»",
            "portal login was password «Frieda-1958!» and I noted it",
            "machine git.test login ci password «Kanu!tt88»",
            "aws configure set aws_secret_access_key «wJalrXUtnFEMI/K7MDENG/bPxRfiCYzUw9QmTqLd»",
            "Changed the password to «Kanu!tt88»",
            "logged in by api token «q8zr71lmpx02abcd93»",
        ),
        near_misses=(
            "password reset-flow-2 is tested",
            "The DSN comes from secret reports/replica-dsn-2",
            "token someone@mail2.example.com asked for",
            "the key customersegment2024 is missing",
            "token 8f3a9c2b7d1e4f60a5b88f3a9c2b7d1e4f60a5b8",
            "stored in vault at secret/billing/api-key-2",
        ),
        possible=('changed password "«hunter2»" today',),
        weigh=_weigh_behind,
    ),
    Kind(
        name="value under a short name",
        words=("pass", "pw", "cred", "login", "pin", "clave", "chave", "chiave", "zugang", "key", "jeton"),
        pattern=_SHORT,
        examples=(
            "user: ada, pass: «Kanu!tt88»",
            "pw=«Kanu!tt88»",
            "login: «admin:Kranich!4471»",
            "con clave «Verano2026!»",
        ),
        near_misses=("pass: 12/12", "key: orders-2026-10", "login: 2026-10-03", "pin: 1.2.3"),
        weigh=_weigh_by_form,
    ),
    Kind(
        name="value under a described name",
        words=_STEM_WORDS,
        pattern=_DESCRIBED,
        examples=("mot de passe administrateur : «Ete2026!x»", "Passwort neu: «Sommer2026!»"),
        near_misses=(
            "Password policy update: length 14",
            "token usage today: 15234",
            "secret scan result: 0 of 14",
        ),
        weigh=_weigh_by_form,
    ),
    Kind(
        name="value under a name in a script without spaces",
        words=_UNSPACED_NAMES,
        pattern=_UNSPACED,
        examples=(
            "パスワード: «Natsu2026!»",
            "新しいパスワードは「«Natsu2026!»」です",
            "密码是«Xiatian2026!»",
            "密码:«Xiatian2026!»",
            "数据库密码为 «Xiatian2026!»",
            "비밀번호는 «Yeoreum2026!» 입니다",
        ),
        near_misses=(
            "パスワードを変更しました",
            "密码策略已更新到 v2.3.1",
            "密码: ********",
            "비밀번호를 2026-10-03에 변경",
        ),
        weigh=_weigh_unspaced,
    ),
)
