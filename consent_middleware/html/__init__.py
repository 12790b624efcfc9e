"""The HTML gate."""

from .gate import HTMLGate
from .rules import Rules
from .verdicts import UNDECLARED, Embed, Finding, ThirdParty

__all__ = ["UNDECLARED", "Embed", "Finding", "HTMLGate", "Rules", "ThirdParty"]
