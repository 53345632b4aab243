"""Secrets handed to a command, a statement or a call."""

import re

from app.kit.secrets.kind import Certainty, Kind, Pattern
from app.kit.secrets.parts import VALUE, WORD, secret_in
from app.kit.secrets.values import is_no_secret, weigh_password, weigh_value


def _weigh_argument(match: re.Match[str]) -> Certainty:
    """An argument that may as well be a database or a port: only what looks like a password counts."""
    certainty = weigh_value("password", secret_in(match))
    return certainty if certainty is Certainty.LIVE else Certainty.NONE


def _weigh_option(match: re.Match[str]) -> Certainty:
    return weigh_value(match[1], secret_in(match))


def _weigh_given(match: re.Match[str]) -> Certainty:
    """An argument that can be nothing but a password, however simple it is."""
    value = secret_in(match)
    if is_no_secret(value, value):
        return Certainty.NONE
    return max(Certainty.POSSIBLE, weigh_value("password", value))


def _weigh_login(match: re.Match[str]) -> Certainty:
    return weigh_password(secret_in(match))


COMMANDS = (
    Kind(
        name="option of a command",
        words=("--", " -"),
        pattern=Pattern(
            rf"""(?ix) (?:(?<![\w-])--?|\s--?) ((?:[a-z][a-z-]{{0,30}}?)?(?<=[a-z-])
            (?:password|passwd|passphrase|pass|pwd|pw|token|api-?key|secret|secret-?key|access-?key|auth-?key
              |private-?key|credentials?|bearer)(?:-(?:value|string))?)
            (?:=|\s{{1,3}}) {VALUE}"""
        ),
        examples=(
            "deploy --password «S3cretPw99»",
            "deploy --password=«S3cretPw99» --dry-run",
            "cli --api-key=«q8Zr71LmPx02»",
            "cli --auth-token '«q8Zr71LmPx02»'",
            "Connect-X -Password «S3cretPw99»",
        ),
        near_misses=(
            "cli --password-file /run/secrets/db1",
            "cli --max-token 4096",
            "cli --token $CI_TOKEN1",
            "use --password to be asked",
            "pytest --pass 14",
        ),
        weigh=_weigh_option,
    ),
    Kind(
        name="password behind a user's name",
        words=(" -u", " --user", "\n-u", "login "),
        pattern=Pattern(
            rf"""(?ix) (?:\s-?-u(?:ser(?:name)?)?[\s=]{{0,3}}(?!-)\S{{1,80}} | login)
            (?:\s{{1,3}}(?!-p)\S{{1,60}}){{0,4}} \s{{1,3}}(?:-p|-P)\s{{0,3}} {WORD}"""
        ),
        examples=(
            "mysql -u root -p «hunter2pass!»",
            "mysql -uroot -p«hunter2pass!» shop",
            "twine upload -u ci -p «hunter2-Ocean-Kiln» dist/x.whl",
            "docker login -u ci -p «S3cretPw99» registry.test",
            "docker login -p «S3cretPw99» -u ci",
            "mosquitto_pub -h mq -u iot -P «S3cretPw99»",
        ),
        near_misses=(
            "docker run -u app -p 8080:80 web",
            "docker run -u 1000 -p 127.0.0.1:8080:80 web",
            "ssh -p 2222 deploy@host",
            "mysql -u root -p shop",
        ),
        weigh=_weigh_argument,
    ),
    Kind(
        name="login of curl",
        words=("curl ", "http ", "https "),
        pattern=Pattern(
            rf"""(?ix) (?:curl|https?)\s(?:[^\n]{{0,200}}?\s)?
            (?:-[a-z]{{0,4}}[ua]|--user|--auth|--proxy-user)[\s=]{{0,2}}
            ["']?[^\s:"'-][^\s:"']{{0,80}}:(?!//) {WORD}"""
        ),
        examples=(
            "curl -u ada:«hunter2pass» https://api.test",
            "curl -sSu 'ada:«hunter2pass»' https://api.test",
            "curl -X POST --user ada:«hunter2pass» https://api.test",
        ),
        near_misses=("curl -u ada: https://api.test", "curl -u ada:$PASS1 https://api.test"),
        weigh=_weigh_login,
    ),
    Kind(
        name="password of a command",
        words=(
            *(
                "sshpass",
                "openssl ",
                "ssh-keygen ",
                "net use ",
                "mysql",
                "mariadb",
                "redis-cli",
                "valkey-cli",
                "7z",
                "unrar",
                "rar ",
                "zip ",
                "ldap",
                "htpasswd",
            ),
            *("-pass", "xfreerdp", "smbclient", "mongo"),
        ),
        pattern=Pattern(
            rf"""(?ix)
            (?: sshpass\s{{1,3}}-p\s{{0,3}}
              | (?:mysql|mariadb)\w{{0,12}}\s(?:[^\n|;]{{0,120}}?\s)?-p(?=\S)
              | mongo\w{{0,12}}\s(?:[^\n|;]{{0,120}}?\s)?-p\s{{1,3}}(?!\d{{1,5}}\s)
              | (?:redis|valkey)-cli\s(?:[^\n|;]{{0,120}}?\s)?(?:-a|--pass)\s{{1,3}}
              | (?:7z[az]?|(?:un)?rar)\s(?:[^\n|;]{{0,120}}?\s)?-h?p(?=\S)
              | zip\s(?:[^\n|;]{{0,120}}?\s)?-P\s{{1,3}}
              | ldap\w{{1,10}}\s(?:[^\n|;]{{0,120}}?\s)?-w\s{{1,3}}
              | htpasswd\s{{1,3}}-\w{{0,3}}b\w{{0,3}}\s{{1,3}}\S{{1,80}}\s{{1,3}}\S{{1,80}}\s{{1,3}}
              | -pass(?:in|out)?\s{{1,3}}pass:
              | openssl\s(?:[^\n|;]{{0,120}}?\s)?-k\s{{1,3}}
              | ssh-keygen\s(?:[^\n|;]{{0,120}}?\s)?-N\s{{1,3}}
              | net\suse\s(?:[^\n|;]{{0,120}}?\s)?/user:\S{{1,80}}\s{{1,3}}
              | xfreerdp\s(?:[^\n|;]{{0,120}}?\s)?/p:
              | smbclient\s(?:[^\n|;]{{0,120}}?\s)?-U\s{{1,3}}[^\s%]{{1,80}}% )
            {WORD}"""
        ),
        examples=(
            "sshpass -p «S3cretPw99» ssh root@host",
            "mysqldump -h db -p«S3cretPw99» shop",
            "redis-cli -a «S3cretPw99» ping",
            "redis-cli -h cache -a «S3cretPw99» ping",
            "7z x backup.7z -p«S3cretPw99»",
            "unzip -P «S3cretPw99» x.zip",
            "ldapsearch -D cn=admin -w «S3cretPw99»",
            "htpasswd -b users.txt ada «S3cretPw99»",
            "openssl enc -aes-256-cbc -k «S3cretPw99» -in x",
            "openssl rsa -in k.pem -passin pass:«S3cretPw99»",
            "smbclient //nas/x -U ada%«S3cretPw99»",
        ),
        possible=("sshpass -p «letmein» ssh root@host",),
        near_misses=(
            "sshpass -p $PW1 ssh root@host",
            "mysql -p",
            "redis-cli -a $REDIS_PW1 ping",
            "mysql 8.4 upgraded",
        ),
        weigh=_weigh_given,
    ),
    Kind(
        name="password in SQL",
        words=("identified ", "password '", "password e'", "password("),
        pattern=Pattern(
            r"""(?i)(?:password\s{1,3}e?'|password\(["']|identified\s{1,3}(?:with\s\w{1,40}\s{1,3})?by\s{1,3}["'])"""
            r"""([^"'\n]{3,200})"""
        ),
        examples=(
            "CREATE USER app IDENTIFIED BY '«S3cretPw99»'",
            'SET PASSWORD FOR app = PASSWORD("«S3cretPw99»")',
            "ALTER ROLE app WITH PASSWORD '«S3cretPw99»'",
        ),
        near_misses=("IDENTIFIED BY '***'", "ALTER ROLE app PASSWORD 'xxxxxxxx'"),
        weigh=_weigh_given,
    ),
    Kind(
        name="password in a call",
        words=("login(", "auth=(", "auth("),
        pattern=Pattern(
            r"""(?i)(?:login|auth=?)\(\s?["'][^"'\n]{1,100}["']\s?,\s{0,2}["']([^"'\n]{3,200})"""
        ),
        examples=(
            'smtp.login("ada@x.test", "«S3cretPw99»")',
            "requests.get(url, auth=('ada', '«S3cretPw99»'))",
        ),
        near_misses=("smtp.login('ada', '***')", "smtp.login(user, password2)"),
        weigh=_weigh_given,
    ),
    Kind(
        name="password passed on by echo",
        words=("echo ", "printf "),
        pattern=Pattern(
            r"""(?ix) (?:echo|printf)\s{1,3}(?:-\w\s)?["']?([^\s"'|]{4,200})["']?\s{0,2}\|\s{0,2}
            (?:sudo\s[^|\n]{0,20}-S\b|[^|\n]{0,80}(?:--password-stdin|--with-token|--stdin|chpasswd))"""
        ),
        examples=(
            "echo '«S3cretPw99»' | sudo -S ls",
            "echo «S3cretPw99» | docker login -u ci --password-stdin",
        ),
        near_misses=("echo $PW1 | sudo -S ls", "echo done2 | tee log"),
        weigh=_weigh_given,
    ),
)
