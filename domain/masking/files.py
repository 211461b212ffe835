"""Files that hold secrets, by their name or by what is in them. Pure."""

import re
from typing import Final

from domain.masking.secrets import find_secrets

_NAMED: Final = re.compile(
    r"(?i)(?:^|/)(?:\.env(?:\.(?!example$|examples$|sample$|template$|tpl$|dist$|defaults?$|schema$|test$|ci$)[\w.-]+)?|(?!example|sample)[\w-]+\.env"
    r"|\.envrc\.local|\.?netrc|_netrc|\.pypirc|\.git-credentials|\.pgpass|\.my\.cnf|\.htpasswd|\.dockercfg|\.docker/config\.json|\.vault-token|\.vault_pass(?:\.txt)?"
    r"|\.s3cfg|\.boto|\.databrickscfg|\.terraformrc|\.aws/(?:credentials|config)|\.kube/config|kubeconfig(?:\.ya?ml)?|\.config/gcloud/.*|\.azure/.*\.json"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)(?:_\w+)?|[^/]*\.(?:p12|pfx|jks|keystore|kdbx?|ppk|ovpn)|[^/]*_(?:rsa|ed25519)|[^/]*private[_-]?key[^/]*\.(?:pem|key|txt|json|der)"
    r"|(?:\.?secrets?|credentials?|passwords?|tokens?|\.passwd)(?:\.(?:local|prod|production|staging|dev|development))?(?:\.(?:ya?ml|json|toml|ini|env|txt|cfg|conf|properties|xml|csv|enc|tfvars))?"
    r"|\.?secrets?/[^/]+\.(?:ya?ml|json|txt|env|toml|ini|csv|cfg|conf|key|pem)|vault\.(?:ya?ml|json)|[^/]*\.tfstate(?:\.backup)?|[^/]*\.auto\.tfvars|terraform\.tfvars"
    r"|(?:service[_-]?account|application_default_credentials|client_secrets?)[^/]*\.json|master\.key|credentials\.yml\.enc|\.dev\.vars|\.flaskenv\.local|local\.settings\.json)$"
)
_SOURCE: Final = re.compile(r"(?i)\.(?:py|pyi|js|jsx|ts|tsx|go|rs|java|kt|rb|php|cs|c|h|cpp|md|rst)$")


def is_secret_file(path: str) -> bool:
    """Tell by its name that a file holds secrets."""
    # ``tokens.py`` and ``secrets.go`` are programs about secrets: shown, with what they hold masked.
    return _NAMED.search(path.replace("\\", "/")) is not None and _SOURCE.search(path) is None


def holds_secrets(path: str, text: str) -> bool:
    """Tell by its name or its text that a file is there to hold secrets: it is shown to no model, not even masked.

    A source file with a key in it is shown, with the key masked: it may be what has to be changed.
    """
    if is_secret_file(path):
        return bool(text.strip())
    if "PRIVATE KEY" not in text or _SOURCE.search(path):
        return False
    masked = sum(each.end - each.start for each in find_secrets(text) if each.rule == "secret.private_key")
    return masked > len(text) // 2


def not_shown(path: str) -> str:
    """What stands in the place of such a file."""
    return f"[file {path} is not shown: it holds secrets]"
