"""Made-up credentials of every shape, and lines that only look like them.

They are put together at run time, so that no file of the project holds what a secret scanner would report: values
are drawn by chance, and `¦` cuts a key in two, or a value from its name.
"""

from __future__ import annotations

import random
import re
import string

LETTERS = string.ascii_letters
ALPHABETS = {
    "any": LETTERS + string.digits,
    "small": string.ascii_lowercase + string.digits,
    "large": string.ascii_uppercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "base64": LETTERS + string.digits + "+/",
    "url": LETTERS + string.digits + "-_",
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "signs": LETTERS + string.digits + "!#%^~",
    "letters": LETTERS,
}
_RANDOM = random.Random(20)
_VALUE = re.compile(r"<(\w+) (\d+)>")
_UUID = "<hex 8>-<hex 4>-4<hex 3>-a<hex 3>-<hex 12>"


def chars(count: int, alphabet: str = ALPHABETS["any"], chance: random.Random = _RANDOM) -> str:
    """Return a random value with a digit at its end."""
    return "".join(chance.choice(alphabet) for _ in range(count - 1)) + "7"


def filled(line: str, chance: random.Random) -> str:
    """Return a line with its cuts closed, and with a random value for each `<alphabet length>`."""

    def value(match: re.Match[str]) -> str:
        alphabet, count = match.groups()
        return "".join(chance.choice(ALPHABETS[alphabet]) for _ in range(int(count)))

    return _VALUE.sub(value, line.replace("¦", "").replace("<uuid>", _UUID))


# Put together here, so that no file of the project holds what a secret scanner would report.
SAMPLES = {
    "anthropic": "sk-" + "ant-api03-" + chars(93) + "AA",
    "anthropic-admin": "sk-" + "ant-admin01-" + chars(93) + "AA",
    "anthropic-oauth": "sk-" + "ant-oat01-" + chars(60),
    "anthropic-other": "sk-" + "ant-" + chars(40),
    "openai": "sk-" + "proj-" + chars(60),
    "openai-admin": "sk-" + "admin-" + chars(60),
    "openrouter": "sk-" + "or-v1-" + chars(64, "0123456789abcdef"),
    "openai-legacy": "sk-" + chars(20) + "T3Blbk" + "FJ" + chars(20),
    "google": "AI" + "za" + chars(35),
    "google-auth": "A" + "Q." + chars(40),
    "google-oauth": "ya" + "29." + chars(40),
    "google-client": "GOC" + "SPX-" + chars(28),
    "aws": "AK" + "IA" + chars(16, "ABCDEFGH234567"),
    "github": "gh" + "p_" + chars(36),
    "gitlab": "glp" + "at-" + chars(20),
    "hugging-face": "h" + "f_" + chars(34),
    "slack": "xo" + "xb-" + "12345678901-" + chars(24),
    "stripe": "sk" + "_live_" + chars(24),
    "groq": "gs" + "k_" + chars(52),
    "xai": "xa" + "i-" + chars(80),
    "perplexity": "pp" + "lx-" + chars(48),
    "pypi": "py" + "pi-AgEI" + chars(60),
    "npm": "np" + "m_" + chars(36),
    "private-key": "-----BEGIN RSA PRIVATE"
    " KEY-----\n" + chars(64) + "\n-----END RSA PRIVATE" + " KEY-----",
    "web-token": "ey" + "J" + chars(30) + "." + chars(60) + "." + chars(40),
    "bearer": chars(40),
    "assigned": chars(32),
}
CONTEXT = {"bearer": "Authorization: Bearer {}", "assigned": "DB_PASSWORD = '{}'"}

SECRETS = """
OPENAI_API_KEY=<any 32>
export SERVICE_TOKEN=<any 40>
DB_PASSWORD="<any 24>"
DATABASE_PASSWORD='<signs 24>'
POSTGRES_PASSWORD=<small 24>
SECRET_KEY = '<any 50>'
SECRET=<url 43>
AWS_SECRET_ACCESS_KEY=<base64 40>
aws_secret_access_key = <base64 40>
password: <any 20>
password: "<any 22>"
  api_key: <hex 32>
api-key: <hex 40>
apikey: <HEX 32>
client_secret: <url 40>
clientSecret: '<any 36>',
secret: <hex 64>
secret: <uuid>
api_key: <uuid>
token: <hex 40>
token: <hex 32>
access_token: <any 40>
refresh_token: <url 64>
auth_token: <small 32>
{"api_key": "<any 32>"}
{"apiKey":"<any 39>","model":"small"}
{"password": "<any 20>", "user": "ada"}
{"client_secret": "<base64 44>"}
{"token": "<url 43>"}
{\\"token\\": \\"<any 36>\\"}
{'access_token': '<any 40>', 'expires_in': 3600}
client = Client(api_key="<any 40>")
client = Client(token='<small 32>', timeout=3)
requests.get(url, headers={"x-api-key": "<any 40>"})
API_KEY: str = "demo"; password = "<any 24>"
https://example.org/v1/items?api_key=<any 32>&page=2
https://example.org/v1/items?page=2&api_key=<hex 32>
https://example.org/hook?token=<any 24>
wss://example.org/feed?access_token=<url 43>
GET /login?user=ada&password=<any 20> HTTP/1.1
Authorization: Bearer <any 40>
curl -H "Authorization: Bearer <url 43>" https://example.org
authorization: bearer <hex 64>
Token: <base32 32>
TOTP secret: <base32 32>
Passwort: <any 20>
Das Passwort: <any 24>. Bitte nicht weitergeben.
Passwort = <small 28>
The API key: <any 32>
the api key is in here, secret=<any 30>; use it once
Use password: <any 26>.
**Password:** `<any 20>`
- token: `<any 36>`
token = <any 60>
my_token := "<any 32>"
"secret" : "<hex 48>"
secret="<large 32>"
passwd=<any 21>
GITHUB_TOKEN=g¦hp_<any 36>
ANTHROPIC_API_KEY=s¦k-ant-api03-<url 93>AA
OPENAI_API_KEY=s¦k-proj-<url 124>
key s¦k-<any 48>
key s¦k-<hex 32>
next_page_token: s¦k-ant-api03-<url 93>AA
AccountKey=<base64 86>==
npm config set //registry.npmjs.org/:_authToken=n¦pm_<any 36>
The key A¦KIA<base32 16> is for the archive.
Cookie: session=e¦yJ<any 30>.<any 60>.<url 43>
secret: <letters 40>
Das Passwort: „<any 24>“ gilt bis Freitag.
password：<any 24>
password: XK<base32 4>-9<base32 4>-PL4<base32 2>-<base32 5>-3<base32 4>
""".strip().splitlines()

HARMLESS = """
next_page_token: <url 40>
nextPageToken: "<any 64>"
"nextToken": "<base64 44>",
{"NextToken": "<base64 88>"}
page_token=<any 32>
?pagetoken=<url 60>
Next page token: <any 32>
continuation_token: <base64 48>
ContinuationToken=<any 40>
NextContinuationToken: <base64 44>
cursor_token: <any 28>
cursor: <base64 44>
"endCursor": "<base64 32>"
sync_token: <any 32>
nextSyncToken: <any 32>
delta_token=<any 36>
csrf_token: <any 64>
csrftoken=<any 32>
csrfmiddlewaretoken=<any 64>
X-CSRF-Token: <url 43>
xsrf-token=<any 40>
RequestVerificationToken: <url 92>
clientRequestToken: <uuid>
publicKeyToken="<hex 16>"
Token: 0x<hex 40>
pad_token: <any 20>
eos_token = "<any 20>"
stop_token: ¦end-of-message-marker-2024
bos_token: "<|begin_of_text|>"
max_tokens: 4096, max_new_token: 16384, token_count: ¦1234567890123
tokenizer: ¦sentencepiece-unigram-32000-multilingual
token_type: ¦bearer-with-proof-of-possession-v2
token: <uuid>
"token": "<uuid>",
secret_hash: <hex 64>
hashed_password: <hex 32>
SHA-256 of the token: <hex 64>
$skiptoken=<any 40>
newStartPageToken: <any 24>
x-amz-continuation-token: <base64 44>
s¦k-ant-api03-abc123def456ghi789jkl012
A¦KIAABCDEFGHIJKLMNOP
secret: ¦Zugang-Server-Rev2b-Haus12a-2024
etag: "<hex 32>"
commit: <hex 40>
sha256: <hex 64>
Passwort: ¦siehe-handbuch-seite-2024
Passwort: siehe Handbuch, Kapitel 12
Kennwort und Passwort: ¦bitte-beim-administrator-erfragen-2024
password: ¦see-the-manual-2024
Password: ¦ask_your_team_lead_for_it_2
Token: ¦ask-your-admin-for-it-before-2025
Mot de passe / password: ¦voir-le-manuel-page-12
password: ¦consulte-el-manual-de-2023
secret: ¦vedi-documentazione-interna-v2
token: ¦zie-de-handleiding-2024-versie-3
password: ¦zobacz-instrukcje-obslugi-2024
password: ¦katso-kasikirja-sivu-12-ja-13
secret: ¦se-bruksanvisningen-fra-2024
password: ¦SeeTheManualForPassword2024
api_key = ¦getApiKeyFromTheVault2024
api_key = get_api_key_from_vault2(user)
secret: ¦correct-horse-battery-staple-2024
The secret: antidisestablishmentarianism
token: ¦my_service_access_token_v2_2024
API_KEY=¦YOUR_API_KEY_HERE_12345
api_key: <your-key>
api_key="¦your-api-key-goes-here-2024"
API_KEY=your_api_key_goes_right_here
OPENAI_API_KEY=s¦k-your-key-here-000000
OPENAI_API_KEY=s¦k-proj-your-key-here-1234567890
s¦k-proj-...
s¦k-ant-api03-YOUR-KEY-HERE-PUT-IT-IN-PLACE-OF-THIS
s¦k-ant-api03-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
s¦k-ant-<your key>
A¦IzaSyEXAMPLEKEY1234567890abcdefghijklm
A¦IzaSyXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX
A¦IzaSy-your-google-api-key-goes-in-here-2
g¦hp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
g¦hp_YOURTOKENHERE1234567890abcdefghijkl
g¦hp_1234567890abcdefghijklmnopqrstuvwxyz
h¦f_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
x¦oxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx
x¦oxb-your-slack-bot-token-goes-here
A¦KIAIOSFODNN7EXAMPLE
AWS_SECRET_ACCESS_KEY=wJalrXUt¦nFEMI/K7¦MDENG/bPx¦RfiCYEXAMPLEKEY
s¦k-1234567890abcdef1234567890abcdef
s¦k-abcdefghijklmnopqrstuvwxyz123456
s¦k-a1b2c3d4e5f6g7h8i9j0k1l2m3n4
api_key: ¦1234567890abcdef1234567890abcdef
api_key: ¦a1b2c3d4-e5f6-7890-abcd-ef1234567890
api_key: ¦00000000-0000-0000-0000-000000000000
My reset token: ¦abc123def456ghi789jkl012 does not work
password: ¦qwertyuiop1234567890asdf
password: ¦changeme-please-1234567890
password: "********************"
token: ¦xxxxxxxxxxxxxxxxxxxxxxxx1234
api_key: ${API_KEY_OF_THE_SERVICE_2}
api_key: $OPENAI_API_KEY_PRODUCTION_2
api_key = os.environ["OPENAI_API_KEY_PRODUCTION_2"]
api_key: {{api_key}}
token = "%(token)s"
apiKey: ¦process.env.OPENAI_API_KEY_PRODUCTION_2
token=$(cat /run/secrets/service_token_2)
api_key: op://vault/openai-production-2/credential
password: %DATABASE_PASSWORD_PRODUCTION_2%
password: !vault_production_database_2
secret: ¦/run/secrets/database-password-2024
token: ./config/production/access-token-2.txt
secret: ¦projects/analytics/secrets/openai-key-2
password: https://example.org/reset-your-password/2024
api_key: ¦vault/production/openai-2024/key
token: ¦TICKET-2024-000123-FOLLOW-UP
Token: ¦ORD-2024-8F3A2B-77120
token: ¦SKU-B08N5WRWNW-XL-2024
secret: ¦INV_2024_0004711_DE_K7
token: ¦PROJ-12345-fix-login-for-2-users
token: ¦claude-sonnet-4-5-20250929
api_key: ¦gpt-4o-mini-2024-07-18
token: ¦meta-llama/Llama-3-70B-Instruct-Turbo
Bearer authentication-is-required-here-2024
Authorization: Bearer YOUR_ACCESS_TOKEN_HERE
Authorization: Bearer <token>
Authorization: Bearer $ACCESS_TOKEN_PRODUCTION
The file begins with -----BEGIN PRIVATE¦ KEY----- and ends with a line like it.
-----BEGIN RSA PRIVATE¦ KEY-----\\n...\\n-----END RSA PRIVATE¦ KEY-----
-----BEGIN PRIVATE¦ KEY----- YOUR_PRIVATE_KEY_GOES_IN_HERE_PLEASE -----END PRIVATE¦ KEY-----
e¦yJhbGciOiJIUzI1NiJ9.your-payload-goes-here.your-signature-goes-here
Access key: ¦Alt+Shift+LeftArrow+2
secret: ¦s3-bucket-production-eu-west-1a
password: ¦Summer-Vacation-In-Lisbon-2024
token: ¦abcdefghijklmnop1234567890...
the key sk-SK-translation-of-the-manual-2024
sk-circle sk-circle12 sk-fading-circle-animation-2024
"token": "internationalization", "logprob": -0.25
""".strip().splitlines()
