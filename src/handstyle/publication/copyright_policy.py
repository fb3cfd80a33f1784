"""What does whoever publishes a style promise to people whose rights it may touch, and where do they turn?

The five measures of the copyright chapter of the European code of practice for general-purpose models, as far as they
mean anything for a style: a policy, lawful access, reservations, mitigation of copies, and a contact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from handstyle.collection.consent import Consent
from handstyle.collection.one_line import Line
from handstyle.publication.card import plain
from handstyle.publication.clearance import Clearance
from handstyle.records import Record


class Contact(Record):
    """Who answers for a release, and how they are reached."""

    name: Line
    address: Line


def contact_in(consents: Iterable[Consent]) -> Contact | None:
    """The keeper whom every consent names, if it is one and the same."""
    found = {(one.statement.predicate.keeper, one.statement.predicate.contact) for one in consents}
    return Contact(name=min(found)[0], address=min(found)[1]) if len(found) == 1 else None


def contact_told(policy: str) -> Contact | None:
    """Who answers, as a COPYRIGHT_POLICY.md says it."""
    found = re.search(r"^(.+?) publishes this model and answers for it: (.+)\.$", policy, re.MULTILINE)
    if found is None:
        return None
    name, address = (re.sub(r"\\([\\`*_\[\]<>#|])", r"\1", told) for told in found.groups())
    return Contact(name=name, address=address)


def text(cleared: Clearance, contact: Contact) -> str:
    """COPYRIGHT_POLICY.md"""
    return f"""\
# Copyright policy of {plain(cleared.title)}

{plain(contact.name)} publishes this model and answers for it: {plain(contact.address)}.

1. **Permission first.** Every work it was trained on is there by a permission of its holders or an open licence. Which
   works and which permissions, `collection.json` and `consents/` say.
2. **Lawful access.** The works were given by their holders or published by them. The program that collected them
   fetches nothing.
3. **Reservations.** What the files and notes beside them reserve was read before anything else, and counts unless every
   holder has signed that it may be set aside.
4. **Looked for copies.** Pictures that the model draws were held beside the works, to see whether any comes unusually
   near to one. What was found or could not be told, and what such a look cannot show, stands in `report.html`.
5. **Complaints.** Whoever holds a right and finds it touched writes to {plain(contact.address)}, naming the work by its
   file or by its digest in `collection.json`. {plain(contact.name)} answers, and can take the model back from where it
   was published. Copies elsewhere cannot be called back.
"""
