"""Tokens that can be told by their form alone: what issuers prefix them with. A table; every pattern is linear.

A pattern begins with a look-behind on the letters that it goes on with, so that a run of letters is tried once, and is
tried at all only where one of its hints stands in the text.
"""

import re
from dataclasses import dataclass
from typing import Final

_A = "A-Za-z0-9"


@dataclass(frozen=True, slots=True)
class TokenPattern:
    """One kind of token."""

    rule: str
    label: str
    """In words, as people and models are told."""
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    anchored: bool
    """Each hint is how a token begins, so that the pattern need not be tried anywhere else."""


def _token(rule: str, label: str, hints: str, pattern: str, *, anchored: bool = True) -> TokenPattern:
    return TokenPattern(f"secret.{rule}", label, tuple(hints.split()), re.compile(pattern), anchored)


TOKENS: Final = (
    _token(
        "aws_key",
        "AWS access key",
        "AKIA ASIA AGPA AIDA AROA ABIA ACCA",
        r"(?<![A-Z0-9])(?:AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Z0-9])",
    ),
    _token(
        "github",
        "GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        rf"(?<![{_A}])(?:gh[pousr]_[{_A}]{{36,255}}|github_pat_[{_A}_]{{50,255}})",
    ),
    _token(
        "gitlab",
        "GitLab token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glagent- gloas- glimt- glffct-",
        rf"(?<![{_A}_-])gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas|imt|ffct)-[{_A}_.-]{{20,255}}",
    ),
    _token(
        "slack",
        "Slack token",
        "xoxa- xoxb- xoxc- xoxd- xoxp- xoxo- xoxs- xoxe xoxr- xapp- hooks.slack.com",
        rf"(?<![{_A}-])xox[abcdposer](?:\.xox[bp])?-[{_A}%-]{{10,400}}"
        rf"|hooks\.slack\.com/(?:services|workflows)/T[A-Z0-9]{{1,20}}/[AB][A-Z0-9]{{1,20}}/(?:\d{{1,30}}/)?[{_A}]{{20,60}}"
        rf"|(?<![{_A}])xapp-\d-[A-Z0-9]{{1,20}}-\d{{1,20}}-[a-z0-9]{{10,100}}",
    ),
    _token(
        "google",
        "Google key",
        "AIza ya29. GOCSPX-",
        rf"(?<![{_A}])AIza[{_A}_-]{{35}}(?![{_A}_-])|(?<![{_A}_-])ya29\.[{_A}_-]{{30,2000}}"
        rf"|(?<![{_A}_-])GOCSPX-[{_A}_-]{{28}}",
    ),
    _token(
        "model_provider",
        "model provider key",
        "sk- hf_ gsk_ r8_ xai- pplx- lsv2_ co_ nvapi- fw_ tgp_v1_ api_org_",
        rf"(?<![{_A}_-])(?:sk-(?:ant|proj|svcacct|admin|or-v1|lf|None)-[{_A}_-]{{20,255}}|sk-[{_A}]{{32,128}}"
        rf"|hf_[{_A}]{{30,64}}|api_org_[{_A}]{{30,64}}|gsk_[{_A}]{{40,128}}|r8_[{_A}]{{36,64}}|xai-[{_A}]{{60,128}}"
        rf"|pplx-[{_A}]{{40,64}}|lsv2_(?:pt|sk)_[a-f0-9]{{32}}_[a-f0-9]{{10}}|nvapi-[{_A}_-]{{60,80}}"
        rf"|fw_[{_A}]{{22,40}}(?![{_A}_])|tgp_v1_[{_A}_-]{{40,60}})",
    ),
    _token(
        "payment",
        "payment key",
        "sk_live_ rk_live_ sk_test_ rk_test_ whsec_ sq0 access_token$ EAAA shpss_",
        rf"(?<![{_A}_])(?:[sr]k_(?:live|test)_[{_A}]{{20,255}}|whsec_[{_A}+/=]{{24,255}}|sq0(?:atp|csp)-[{_A}_-]{{22,64}}"
        rf"|access_token\$production\$[{_A}$]{{30,100}})",
    ),
    _token(
        "package_registry",
        "package registry token",
        "npm_ pypi-AgE rubygems_ cio dckr_ oy2",
        rf"(?<![{_A}])(?:npm_[{_A}]{{36}}(?![{_A}])|pypi-AgE[{_A}_-]{{50,500}}|rubygems_[a-f0-9]{{48}}|cio[{_A}]{{32}}(?![{_A}])"
        rf"|dckr_(?:pat|oat)_[{_A}_-]{{27,40}}|oy2[a-z0-9]{{43}})",
    ),
    _token(
        "package_registry",
        "package registry token",
        "_authToken=",
        r"(?<=_authToken=)(?!\$)[^\s\"']{16,500}",
        anchored=False,
    ),
    _token(
        "platform",
        "platform key",
        "SG. key- SK AC dop_v1_ doo_v1_ dor_v1_ shpat_ shpca_ shppa_ shpss_ hvs. hvb. hvr. "
        "atlasv1. dapi PMAK- sntrys_ sntryu_ NRAK- NRII- "
        "tskey- figd_ lin_api_ ntn_ secret_ EAACEdEose0cBA sbp_ vercel_ glsa_ glc_ pul- ATATT ATCTT ATBB xkeysib- "
        "phc_ phx_ FLWSECK rnd_ nfp_ sgp_ eyJrIjoi dp.pt. dp.st. dp.ct. dp.sa. ops_eyJ AGE-SECRET-KEY-1",
        rf"(?<![{_A}_-])(?:SG\.[{_A}_-]{{16,32}}\.[{_A}_-]{{16,64}}|key-[a-f0-9]{{32}}(?![{_A}])|SK[a-f0-9]{{32}}(?![{_A}])"
        rf"|AC[a-f0-9]{{32}}(?![{_A}])|do[opr]_v1_[a-f0-9]{{64}}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{{32}}"
        rf"|hv[sbr]\.[{_A}_-]{{24,300}}|atlasv1\.[{_A}_=-]{{40,100}}"
        rf"|dapi[a-f0-9]{{32}}(?:-\d)?|PMAK-[{_A}-]{{50,70}}|sntry[su]_[{_A}_=+/-]{{40,300}}|NR(?:AK|II)-[{_A}_-]{{27,40}}"
        rf"|tskey-[a-z]{{1,12}}-[{_A}-]{{20,80}}|figd_[{_A}_-]{{36,60}}|lin_api_[{_A}]{{32,60}}|ntn_[{_A}]{{40,60}}"
        rf"|secret_[{_A}]{{43}}(?![{_A}])|EAACEdEose0cBA[{_A}]{{20,300}}"
        rf"|sbp_[a-f0-9]{{40}}|vercel_[{_A}]{{24,60}}|glsa_[{_A}]{{32}}_[a-fA-F0-9]{{8}}|glc_[{_A}+/=]{{32,400}}"
        rf"|pul-[a-f0-9]{{40}}|AT[AC]TT3x[{_A}_=-]{{60,250}}|ATBB[{_A}]{{28,40}}|xkeysib-[a-f0-9]{{64}}-[{_A}]{{16}}"
        rf"|ph[cx]_[{_A}]{{40,60}}|FLWSECK_(?:TEST|LIVE)?-[a-fA-F0-9]{{12,40}}"
        rf"|rnd_[{_A}]{{28,40}}|nfp_[{_A}]{{36,40}}|sgp_(?:[a-f0-9]{{16}}_)?[a-f0-9]{{40}}|eyJrIjoi[{_A}_=-]{{40,300}}"
        rf"|dp\.(?:pt|st|ct|sa)\.[{_A}_.-]{{40,60}}|ops_eyJ[{_A}_=-]{{100,1500}}|AGE-SECRET-KEY-1[A-Z0-9]{{58}})",
    ),
    _token(
        "platform",
        "platform key",
        # Telegram's begin with the bot's number, and Terraform's have their mark in the middle.
        ":AA .atlasv1.",
        rf"(?<![{_A}_-])(?:\d{{8,10}}:AA[{_A}_-]{{32,33}}(?![{_A}_-])|[{_A}]{{14}}\.atlasv1\.[{_A}_=-]{{40,100}})",
        anchored=False,
    ),
    _token(
        "platform",
        "platform key",
        # Discord's: the number of the bot in base64, a time, a signature.
        "MT Mz NT Nz OD OT",
        rf"(?<![{_A}_-])[MNO][TzD][{_A}_-]{{22,26}}\.[{_A}_-]{{6}}\.[{_A}_-]{{27,40}}(?![{_A}_-])",
    ),
    _token(
        "jwt",
        "signed token (JWT)",
        "eyJ",
        # Signed (RFC 7515): three parts. Encrypted (RFC 7516): five, of which the second may be empty.
        rf"(?<![{_A}_-])eyJ[{_A}_-]{{8,4000}}\.eyJ[{_A}_-]{{8,8000}}\.[{_A}_-]{{0,2000}}"
        rf"|(?<![{_A}_-])eyJ[{_A}_-]{{15,2000}}\.[{_A}_-]{{0,2000}}\.[{_A}_-]{{10,100}}\.[{_A}_-]{{10,8000}}\.[{_A}_-]{{16,200}}",
    ),
    _token(
        "azure",
        "Azure key",
        "AccountKey= SharedAccessKey= sig= 8Q~ 7Q~",
        rf"(?<=AccountKey=)[{_A}+/]{{80,100}}={{0,2}}|(?<=SharedAccessKey=)[{_A}+/]{{40,64}}={{0,2}}"
        rf"|(?<=[?&;]sig=)[{_A}%+/=]{{40,120}}|(?<![{_A}])[{_A}_~.-]{{3}}[78]Q~[{_A}_~.-]{{31,34}}(?![{_A}_~.-])",
        anchored=False,
    ),
)
