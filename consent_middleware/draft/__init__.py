"""A first policy file for a site that exists already: what is seen of it, sorted, and written down to be read.

Sources tell ``Facts``: a framework's settings (``frameworks``, which asks the adapters), what report mode saw
(``observations``), a visit to the running site (``visit``, which needs the extra ``audit``). ``propose`` sorts them
with the help of the catalogue, and of a reader's own copy of the Open Cookie Database (``hints``); ``written`` makes
the file.
What nobody but the site's author can know is left as a question, which the loader refuses until it is answered.
"""

from __future__ import annotations

from .document import written
from .facts import CookieFact, Facts, HostFact
from .proposal import Proposal, propose

__all__ = ["CookieFact", "Facts", "HostFact", "Proposal", "propose", "written"]
