"""Secrets that their issuer's form gives away, whatever stands around them."""

import re
from collections.abc import Callable

from app.kit.secrets.kind import Certainty, Kind, Pattern, always_live
from app.kit.secrets.values import is_mixed, is_no_secret

# An issued token begins where a word does.
_START = r"(?<![A-Za-z0-9])"
_SEGMENT = re.compile(r"[A-Za-z0-9]{16}")
_KNOWN_SEGMENT = re.compile(r"[srp]k[-_](?:live|test|prod|ant|proj|or|svcacct|admin|lf)[-_]")


def _weigh_issued(match: re.Match[str]) -> Certainty:
    """Certain unless it is blotted out, as in `ghp_xxxxxxxxxxxxxxxxxxxx`."""
    token = match[match.lastindex or 0]
    return Certainty.NONE if is_no_secret(token, token) or len(set(token[-12:])) < 4 else Certainty.LIVE


def _weigh_mixed(match: re.Match[str]) -> Certainty:
    """Certain where capitals, small letters and digits are mixed, or in one long segment with a digit."""
    token = match[0]
    segment = _SEGMENT.search(token) and any(map(str.isdigit, token))
    return _weigh_issued(match) if segment or is_mixed(token) else Certainty.NONE


def _weigh_sk(match: re.Match[str]) -> Certainty:
    """Certain with two of: a digit, a long segment, a known one. `pk_orders_2024` names a database's key."""
    token = match[0]
    signs = (_SEGMENT.search(token), _KNOWN_SEGMENT.match(token), any(map(str.isdigit, token)))
    return _weigh_issued(match) if sum(map(bool, signs)) > 1 else Certainty.NONE


def _issued(
    name: str,
    words: str,
    pattern: str,
    *examples: str,
    not_: tuple[str, ...] = (),
    weigh: Callable[[re.Match[str]], Certainty] = _weigh_issued,
) -> Kind:
    return Kind(
        name, tuple(words.split()), Pattern(_START + pattern), examples, near_misses=not_, weigh=weigh
    )


TOKENS = (
    _issued(
        "AWS access key id",
        "akia asia abia acca",
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        "aws s3 ls with «AKIAQWERTYUIOPASDFGH» works",
        "temporary key «ASIAY34FZKBOKMUTVV7A»",
        not_=("Launch in ASIA and EMEA next week", "AKIA"),
    ),
    _issued(
        "GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"(?:gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_\w{20,255})",
        "pushed with «ghp_Zx9q7LmT2vKw8RtY4uPs6NdBaBcDeFgH»",
        "«github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789»",
        not_=("set GH_TOKEN to ghp_xxxxxxxxxxxxxxxxxxxxxxxx", "the ghp_ prefix"),
    ),
    _issued(
        "GitLab token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glsoat- glagent-",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|soat|agent)-[\w-]{16,255}",
        "clone with «glpat-Ab3dEf6hIj9kLm2nOp5q»",
        not_=("a glpat- token was revoked",),
    ),
    _issued(
        "Slack token",
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp-",
        r"(?:xox[a-z]-|xoxe\.xox[bp]-|xapp-)[\w%-]{10,255}",
        "bot «xoxb-123456789012-Zx9q7LmT2vKw8RtY4uPs6NdB» joined",
        not_=("xoxb-xxxxxxxxxxxx",),
    ),
    _issued(
        "chat webhook",
        "hooks.slack.com/ discord.com/api/ discordapp.com/api/ webhook.office.com/ .logic.azure.com/",
        r"(?:hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/"
        r"|webhook\.office\.com/webhookb2/)([\w/@-]{20,300})",
        "curl https://hooks.slack.com/services/«T0AB1CD2E/B0FG3HI4J/k5Lm6No7Pq8Rs9Tu0Vw1Xy2Z»",
        "https://discord.com/api/webhooks/«1098765432109876543/aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789»",
        not_=("https://hooks.slack.com/services/T000/B000", "see https://discord.com/api/webhooks docs"),
    ),
    _issued(
        "model provider's or Stripe's key",
        "sk- sk_ rk- rk_ pk- pk_",
        r"(?<![-_])[srp]k[-_][A-Za-z0-9_-]{16,250}",
        "used «sk-Zx9q7LmT2vKw8RtY4uPs6NdB»",
        "«sk-ant-api03-Zx9q7LmT2vKw8RtY4uPs6NdB-aB3_xY»",
        "«sk-proj-aB3_xY-9q7Lm_T2vKw-8RtY4»",
        "charged by «sk_live_4eC39HqLyjWDarjtT1zdp7dc»",
        "«rk_live_4eC39HqLyjWDarjtT1zdp7dc»",
        "the key «pk_live_4eC39HqLyjWDarjtT1zdp7dc» is in the page",
        not_=(
            "Merged risk-assessment-of-the-supply-chain into main",
            "added constraint pk_customer_orders_2024_idx",
            "upgraded sk-learn-contrib-model-selection to 2",
        ),
        weigh=_weigh_sk,
    ),
    _issued(
        "webhook signing secret",
        "whsec_",
        r"whsec_[A-Za-z0-9+/=_-]{16,120}",
        "«whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw»",
        not_=("`whsec_` and base64",),
    ),
    _issued(
        "Google key",
        "aiza ya29. gocspx- 1//0",
        r"(?:AIza[\w-]{30,60}|ya29\.[\w-]{20,2000}|GOCSPX-[\w-]{20,60}|1//0[\w-]{30,200})",
        "maps with «AIzaSyA-Zx9q7LmT2vKw8RtY4uPs6NdB_01234»",
        "«ya29.a0AfH6SMBx9q7LmT2vKw8RtY4uPs6NdB»",
        "«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»",
    ),
    _issued(
        "package registry token",
        "npm_ pypi-",
        r"(?:npm_[A-Za-z0-9]{20,100}|pypi-[\w-]{20,250})(?![A-Za-z0-9])",
        "published with «npm_Q4hT8sLw2ZpXr6Vd9KfGm1BnYc3JaE5u»",
        "«pypi-AgEIcHlwaS5vcmcCJDU3YjY4ZGQ5LTQ2NzctNDk4Yg»",
        not_=("npm_config_registry=https://npm.test", "pypi-mirror-sync-of-all-packages-2"),
        weigh=_weigh_mixed,
    ),
    _issued(
        "Hugging Face token",
        "hf_",
        r"hf_[A-Za-z0-9]{20,100}",
        "pulled with «hf_Zx9q7LmT2vKw8RtY4uPs6NdBaBcDeF»",
        not_=("hf_home is /data/hf",),
    ),
    _issued(
        "mail or phone service key",
        "sg. key- " + " ".join(f"sk{digit}" for digit in "0123456789abcdef"),
        r"(?:SG\.[\w-]{16,64}\.[\w-]{16,64}|key-[0-9a-f]{32}(?!\w)|SK[0-9a-f]{32}(?!\w))",
        "«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»",
        "Twilio «SK0123456789abcdef0123456789abcdef»",
        "Mailgun «key-0123456789abcdef0123456789abcdef»",
        not_=("key-value store", "SKU SK12345"),
    ),
    _issued(
        "cloud or tool token",
        "dop_v1_ doo_v1_ dor_v1_ shpat_ shpca_ shppa_ shpss_ sq0 atatt3 lin_api_ ntn_ secret_ hvs. hvb. dapi"
        " glsa_ glc_ nrak- gsk_ xai- r8_ pplx- tskey- sbp_ sntrys_ sntryu_ pul- pscale_ figd_ "
        "age-secret-key-1 rubygems_ dckr_pat_ api.telegram.org/bot",
        r"(?:do[opr]_v1_[a-f0-9]{32,64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|sq0[a-z]{3}-[\w-]{22,60}"
        r"|ATATT3[\w=-]{20,300}|lin_api_\w{20,60}|ntn_\w{20,60}|secret_[A-Za-z0-9]{40,60}|hv[sb]\.[\w-]{20,200}"
        r"|dapi[a-f0-9]{32}|glsa_\w{20,60}|glc_[\w=]{20,200}|NRAK-[A-Z0-9]{20,40}|gsk_\w{20,80}|xai-\w{20,120}"
        r"|r8_\w{20,60}|pplx-\w{20,80}|tskey-[\w-]{16,80}|sbp_[a-f0-9]{20,60}|sntry[su]_[\w=+/-]{20,300}"
        r"|pul-[a-f0-9]{40}|pscale_[a-z]{2,6}_[\w.-]{20,60}|figd_[\w-]{20,60}|AGE-SECRET-KEY-1[A-Z0-9]{40,70}"
        r"|rubygems_[a-f0-9]{40,60}|dckr_pat_[\w-]{20,60}|api\.telegram\.org/bot(\d{6,12}:[\w-]{30,50}))",
        "«dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef»",
        "Vault «hvs.CAESIJ9x7LmT2vKw8RtY4uPs6NdB»",
        "https://api.telegram.org/bot«123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0»/getMe",
        "«lin_api_Zx9q7LmT2vKw8RtY4uPs6NdBaBcDeFgHiJ»",
        not_=("the secret_manager_client_for_all_regions module", "pul-up bars"),
    ),
    Kind(
        name="Telegram bot token",
        words=(":aa",),
        pattern=Pattern(r"(?<=\d{7}):(AA[\w-]{32,36})(?![\w-])"),
        examples=("bot 123456789:«AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0» started",),
        near_misses=("at 12:AA", "ratio 1:AAAA"),
    ),
    _issued(
        "JSON Web Token",
        "eyj",
        r"(?<![-_])eyJ[\w-]{8,4000}\.[\w-]{4,8000}(?:\.[\w-]{0,4000})?",
        "«eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.Zx9q7LmT2vKw8RtY4uPs6NdB» is valid until noon",
        not_=("eyJ begins every JWT",),
    ),
    Kind(
        name="private key",
        words=("-----begin ",),
        pattern=Pattern(
            r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:.{0,16384}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|.{0,16384})"
        ),
        examples=(
            "key: «-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----» done",
            r'"private_key": "«-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----»\n"',
        ),
        near_misses=(
            "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkq\n-----END CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0B\n-----END PUBLIC KEY-----",
        ),
        weigh=always_live,
    ),
)
