"""The HTML gate."""

from .gate import HTMLGate
from .judge import UNDECLARED, Embed, Finding, ThirdParty
from .rules import Rules

__all__ = ["UNDECLARED", "Embed", "Finding", "HTMLGate", "Rules", "ThirdParty"]
