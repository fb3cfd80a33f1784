"""Which options are there, and what does `--help` say of each?

What stands in square brackets is taken when the option is left out; the stages decide it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

# Of every command. `main` looks for --json before the options are read, so no command needs its value.
AsJson = Annotated[bool, Option("--json", help="One JSON object on stdout, also for an error.")]
Place = Annotated[
    Path | None,
    Option("--workspace", "-w", metavar="FOLDER", help="Where the stages leave their records. [handstyle-workspace]"),
]
Base = Annotated[
    Path | None,
    Option(
        "--base",
        metavar="MODEL",
        help="A base: a diffusers folder, one .safetensors file, or a name in the Hub's cache. [the small one]",
    ),
]
Further = Annotated[
    Path | None,
    Option("--further", metavar="FOLDER", help="More drawings by the artist, to compare with; never trained on."),
]

Audit = Annotated[
    bool, Option("--audit", help="Train twins on half of the works to see whether it copies; takes some minutes.")
]
Inspected = Annotated[
    str | None,
    Option(
        "--style",
        metavar="STYLE",
        help="A run, or a .safetensors of another tool, held against the works. [the newest]",
    ),
]
Oracle = Annotated[
    str | None,
    Option("--oracle", metavar="STYLE", help="A style trained on all else of the artist: the most to be gained."),
]
Vision = Annotated[
    list[Path] | None,
    Option(
        "--vision",
        metavar="FOLDER",
        help="A vision model on your disk looks, too (DINO, SigLIP, ..., or a file of CSD or SSCD); may be repeated.",
    ),
]

# collect
CaptionTable = Annotated[
    Path | None, Option("--captions", metavar="TABLE", help="A table of captions, as `handstyle captions` writes it.")
]
Works = Annotated[
    Path,
    Argument(metavar="FOLDER", help="The works, or the TOML or JSON of another tool. Nothing in it is ever changed."),
]
Mine = Annotated[str | None, Option("--mine", metavar="NAME", help="You made all of them and hold all rights.")]
Licence = Annotated[
    str | None, Option("--licence", metavar="SPDX", help="They were published under this open licence.")
]
LicenceChoice = Annotated[
    str | None, Option("--licence-choice", metavar="SPDX", help="Which side of an OR counts; with --licence.")
]
Seen = Annotated[
    datetime | None, Option("--seen", metavar="DATE", formats=["%Y-%m-%d"], help="When you saw it; with --evidence.")
]
Author = Annotated[str | None, Option("--author", metavar="NAME", help="Who made them; with --licence.")]
Source = Annotated[str | None, Option("--source", metavar="URL", help="Where they were published; with --licence.")]
Evidence = Annotated[
    Path | None, Option("--evidence", metavar="FILE", help="The text of the licence, kept with the works.")
]
Rights = Annotated[
    Path | None, Option("--rights", metavar="FILE", help="The permission, work by work. [rights.toml in the folder]")
]
Consent = Annotated[
    list[Path] | None,
    Option(
        "--consent", metavar="FILE", help="A consent that everybody has signed; may be repeated. [those in the folder]"
    ),
]
LeaveOut = Annotated[
    str | None,
    Option("--leave-out", metavar="HOW-MANY", help="Works to keep back from training: 0.2, 6 or none. [0.2]"),
]
Without = Annotated[
    list[str] | None, Option("--without", metavar="NAME", help="A file to leave aside; may be repeated.")
]
Background = Annotated[
    str | None, Option("--background", metavar="COLOUR", help="What transparent works lie on. [white]")
]

Foresee = Annotated[
    bool, Option("--dry-run", help="Collect nothing: only say what each verb would refuse, all at once.")
]
Letter = Annotated[
    Path | None, Option("--letter", metavar="FOLDER", help="With --dry-run: write whom to ask for what, to be sent.")
]
MeantFor = Annotated[
    list[str] | None,
    Option(
        "--for",
        metavar="USE",
        help="With --dry-run, what is meant: full, named, public, commercial, show-works, name; may be repeated.",
    ),
]
Keeper = Annotated[str | None, Option("--keeper", metavar="NAME", help="Who asks; with --letter.")]
Contact = Annotated[str | None, Option("--contact", metavar="WHERE", help="Where answers go; with --letter.")]

Plain = Annotated[bool, Option("--plain", help="Compute without any optimisation, to compare with.")]

# publish
Title = Annotated[str, Option("--name", metavar="TITLE", help="What the style is called.")]
Key = Annotated[
    Path | None, Option("--key", metavar="FILE", help="An Ed25519 key to sign with. [your own, made on first use]")
]
ModelLicence = Annotated[
    str | None, Option("--model-licence", metavar="SPDX", help="Of the weights. [what works and base ask for]")
]
PushToHub = Annotated[
    str | None,
    Option("--push-to-hub", metavar="OWNER/NAME", help="Send the finished release to this repository of Hugging Face."),
]
Public = Annotated[
    bool, Option("--public/--private", help="With --push-to-hub: who sees the repository, everybody or you.")
]
ReleaseTo = Annotated[Path | None, Option("--to", metavar="FOLDER", help="Where the release goes. [the workspace]")]

Distribution = Annotated[
    str | None, Option("--distribution", metavar="WHOM", help="public, or named: the people a consent names. [public]")
]

Answering = Annotated[
    str | None, Option("--keeper", metavar="NAME", help="Who answers for the release. [whom the consents name]")
]
Complaints = Annotated[str | None, Option("--contact", metavar="WHERE", help="Where complaints about it go.")]

# consent
Terms = Annotated[
    Path | None, Option("--terms", metavar="FILE", help="What is asked for. [a file to fill in is written]")
]
ConsentTo = Annotated[Path, Option("--to", metavar="FOLDER", help="Where statement and page go.")]
Pictures = Annotated[bool, Option("--pictures", help="Small pictures of the works on the page.")]
ConsentFile = Annotated[Path, Argument(metavar="FILE", help="A file that ends in .consent.json.")]
ConsentFolder = Annotated[Path, Argument(metavar="FOLDER", help="Where consents lie, also in folders below.")]
Page = Annotated[Path | None, Option("--page", metavar="FILE", help="Write the page to mail and print, too.")]
Add = Annotated[
    list[Path] | None, Option("--add", metavar="FILE", help="A copy that others have signed; may be repeated.")
]
Yes = Annotated[bool, Option("--yes", help="You have read it elsewhere, and agree.")]
Against = Annotated[Path | None, Argument(metavar="WORKS", help="A folder of pictures to hold against it.")]
Expiring = Annotated[str | None, Option("--expiring", metavar="DAYS", help="Only what ends within so long: 30d.")]
NewKey = Annotated[Path | None, Option("--to", metavar="FILE", help="Where a new key goes. [your own key is shown]")]

# rename
Called = Annotated[
    str, Argument(metavar="STYLE-OR-RELEASE", help="The folder of a release, or a run of the workspace.")
]
NewName = Annotated[str, Argument(metavar="NEW-NAME", help="What it is called from now on.")]
Identifier = Annotated[
    str | None,
    Option("--identifier", metavar="WORD", help="Its word in prompts. [the old one, unless that names somebody]"),
]
RenamedTo = Annotated[Path | None, Option("--to", metavar="FOLDER", help="Where it goes. [beside the old one]")]
RemoveOld = Annotated[bool, Option("--remove-old", help="Delete the old one once the new one is there.")]

# base
BaseFolder = Annotated[
    Path | None,
    Argument(
        metavar="MODEL",
        help="A diffusers folder, one .safetensors file, or a name on the Hugging Face Hub. [the small one]",
    ),
]
MadeFrom = Annotated[
    str | None, Option("--made-from", metavar="CLASS", help="consented, open-licensed or own; signed with your key.")
]
Because = Annotated[
    str | None, Option("--because", metavar="WORDS", help="Whose works, with whose permission; goes with a class.")
]

# shares
Pool = Annotated[str | None, Option("--pool", metavar="SUM", help="A sum to divide.")]
PerPicture = Annotated[str | None, Option("--per-picture", metavar="FEE", help="For each picture that was made.")]
PerReleased = Annotated[
    str | None, Option("--per-released", metavar="FEE", help="For each picture that a release shows.")
]
PerPeriod = Annotated[str | None, Option("--per-period", metavar="FEE", help="For each period; with --periods.")]
Periods = Annotated[int, Option("--periods", metavar="N", min=1, help="How many periods have passed.")]
Flat = Annotated[str | None, Option("--flat", metavar="FEE", help="For each contributor.")]
Currency = Annotated[str, Option("--currency", metavar="CODE", help="Three letters, such as EUR.")]
DividedBy = Annotated[str, Option("--by", metavar="RULE", help="equal, works, or influence where it was measured.")]
ShareOf = Annotated[str | None, Option("--style", metavar="RUN", help="Whose pictures. [the newest style]")]
Since = Annotated[datetime | None, Option("--since", metavar="DATE", formats=["%Y-%m-%d"], help="The first day.")]
Until = Annotated[datetime | None, Option("--until", metavar="DATE", formats=["%Y-%m-%d"], help="The last day.")]
StatementTo = Annotated[
    Path | None, Option("--to", metavar="FOLDER", help="The statement goes there, to print and as JSON.")
]

# verify
UnknownBase = Annotated[
    bool, Option("--refuse-unknown-base", help="A style on a base of unknown works does not do. [it is told]")
]
Retrain = Annotated[
    bool, Option("--retrain", help="Train it again and compare every tensor; takes as long as the training did.")
]
RetrainWorks = Annotated[
    Path | None,
    Option("--works", metavar="FOLDER", help="With --retrain: the works, or the workspace it was trained in."),
]
Release = Annotated[Path, Argument(metavar="FOLDER", help="The folder of a release.")]
Trust = Annotated[Path | None, Option("--trust", metavar="FILE", help="The keys you trust, one a line. [no question]")]
Logs = Annotated[
    list[Path] | None,
    Option("--log", metavar="FILE", help="A copy of its log, or a witness's checkpoint of it; may be repeated."),
]
Witnesses = Annotated[
    Path | None, Option("--witness", metavar="FILE", help="Witnesses' keys, one a line; one of them must have signed.")
]
MaxAge = Annotated[
    str | None, Option("--max-age", metavar="DAYS", help="How old the news of its log may be: 7d. [30d]")
]

# withdraw
Withdrawable = Annotated[
    Path | None, Argument(metavar="[FILE]", help="A consent, to sign its withdrawal; or a withdrawal, to enter it.")
]
WithdrawingHolder = Annotated[
    str | None, Option("--holder", metavar="NAME", help="Who takes it back, in writing; with --evidence.")
]
LetterOfWithdrawal = Annotated[
    Path | None, Option("--evidence", metavar="FILE", help="The letter. It stays with you; its digest is entered.")
]
WithdrawnWork = Annotated[
    list[str] | None,
    Option("--work", metavar="NAME", help="Only this work; may be repeated. With --holder. [all of them]"),
]
Search = Annotated[
    list[Path] | None,
    Option("--search", metavar="FOLDER", help="Where releases and merged weights may lie besides; may be repeated."),
]
WithdrawalTo = Annotated[
    Path | None, Option("--to", metavar="FILE", help="Where a signed withdrawal goes. [beside the consent]")
]

# retrain-without
Run = Annotated[str | None, Option("--run", metavar="RUN", help="Which run of the workspace. [the newest]")]

# detect
Image = Annotated[Path, Argument(metavar="IMAGE", help="A picture: PNG, JPEG, WebP or TIFF.")]
TrustCertificate = Annotated[
    Path | None,
    Option("--trust-certificate", metavar="FILE", help="The certificates you trust, in PEM. [no question]"),
]

# demo
DemoTo = Annotated[Path, Option("--to", metavar="FOLDER", help="Where everything goes.")]
Short = Annotated[bool, Option("--short", help="A few steps only: it shows that everything works, and nothing more.")]
