"""Which parsers read what strangers send?"""

from __future__ import annotations

from tests.hostile.bench import Maker
from tests.hostile.import_parsers import imports
from tests.hostile.log_parsers import log_proofs, logs, policies, withdrawals
from tests.hostile.picture_parsers import journal, metadata, notes, pictures, png_text
from tests.hostile.signed_parsers import consents, keys, releases
from tests.hostile.tensor_parsers import bases, cache, snapshots, tensor_files
from tests.hostile.writing_parsers import captions, ledger, licences, permissions, recipes, records, terms

PARSERS: dict[str, Maker] = {
    **pictures,
    "png-text": png_text,
    "metadata": metadata,
    "notes": notes,
    "journal": journal,
    "ledger": ledger,
    "captions": captions,
    **imports,
    "permissions": permissions,
    "terms": terms,
    "recipes": recipes,
    "licences": licences,
    "consents": consents,
    "keys": keys,
    "withdrawals": withdrawals,
    "logs": logs,
    "log-proofs": log_proofs,
    "policies": policies,
    "releases": releases,
    "records": records,
    "tensor-files": tensor_files,
    "cache": cache,
    "snapshots": snapshots,
    "bases": bases,
}
