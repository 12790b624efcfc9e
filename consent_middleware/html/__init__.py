"""The HTML gate: what a visitor has not consented to reaches the browser inert, the rest byte for byte.

A room of its own, usable alone, standard library only::

    rules = Rules([("analytics", ["stats.example.org/"], ["ownstats("])])
    gate = HTMLGate(rules, {"analytics"}, page="https://shop.example/")
    for chunk in response:
        send(gate.feed(chunk))
    send(gate.close())

**Strategy.** Bytes in, bytes out, and nothing is ever re-serialised: the gate only inserts. One compiled search jumps
to the next tag that matters, a constant-time proof says that the tokenizer is in the data state there, and only where
the proof fails are the tags before it tokenised. What must be decided is held back, a tag up to 64 KiB, an inline
script up to 240 KiB; all else streams through. Time is linear whatever the page, memory the chunk plus 256 KiB.

**What an inert element looks like.** This vocabulary is what a client needs in order to revive it:

====================================  ==========================================================================
``data-consent-category=analytics``   on every inert element: what it waits for. Several categories are joined by
                                      commas and all have to be granted; names are percent-encoded. ``undeclared``
                                      stands for what no category can grant.
``data-consent-NAME="..."``           was the attribute ``NAME``: ``src``, ``srcset``, ``href``, ``xlink:href``,
                                      ``data``, ``poster``, ``background``, ``srcdoc``, ``imagesrcset``, ``ping``,
                                      ``http-equiv``, lazy-load attributes; and ``type``, on scripts. Its value
                                      is untouched.
``type=text/plain``                   on every inert script. The original type is in ``data-consent-type``; without
                                      that attribute the script had none.
``hidden data-consent-hidden``        on an embed that has a placeholder right in front of it. Without
                                      ``data-consent-hidden`` an embed's ``hidden`` is the site's own.
``data:,`` before an address in CSS   with the option ``css``.
====================================  ==========================================================================

``nonce``, ``integrity``, ``crossorigin``, ``async`` and all else stay where they were. Sites speak to the gate with
another attribute: ``data-consent="analytics"`` gives an element its category, inline scripts included, and
``data-consent="necessary"`` exempts it. Scripts that a site has disarmed itself (``type=text/plain``) are left alone.

**Limits.** A server sees markup, not what scripts do later: elements they insert, requests they send, storage they
write; nor a tracker behind the site's own host name; nor ``on…`` handlers; nor inline code without a known marker.
Declare a host, add a Content-Security-Policy, or mark the element. Inside ``svg`` and ``math`` the tree is followed as
far as a stream allows: end tags of HTML there are taken to close the island. ``<select>`` and ``<frameset>`` are read
as any other element. An element left open in ``noscript`` is gated as far as ``noscript`` goes, though a browser
without scripts reads on. UTF-16, ISO-2022 and the like cannot be gated and pass (``HTMLGate.bypassed``).
"""

from __future__ import annotations

from .gate import HTMLGate
from .rules import Rules
from .verdicts import UNDECLARED, Embed, Finding, ThirdParty

__all__ = ["UNDECLARED", "Embed", "Finding", "HTMLGate", "Rules", "ThirdParty"]
