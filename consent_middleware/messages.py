"""The words visitors read, by language, and the choice of a language for one visitor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .policy import Texts

MESSAGES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Cookie settings",
        "intro": "Choose what this site may do. Nothing but the necessary happens before you choose.",
        "kept": "Your choice is kept for {lifetime}, then we ask again. You can change it here at any time.",
        "decided": "Your choice of {decided} is kept until {expires}.",
        "undecided": "You have not chosen yet.",
        "necessary": "Always on: the site cannot work without it.",
        "on-request": "Only if you want it: accepting everything does not include this.",
        "exempt": "On until you object.",
        "signal": "Your browser's Global Privacy Control refuses this.",
        "accept-all": "Accept all",
        "reject-all": "Refuse all",
        "save": "Save my choice",
        "withdraw": "Withdraw my consent",
        "services": "Services:",
        "cookies": "Cookies:",
        "contact": "Contact:",
        "version": "Policy version:",
        "back": "Back to the site",
        "again": "Choose again",
        "bad-choice": "That choice could not be read. Nothing was changed.",
        "foreign-choice": "A choice can only be made on the site itself. Nothing was changed.",
        "outdated-choice": "The policy is newer than the page you chose on. Nothing was changed: please choose again.",
        "too-large": "That was too much. Nothing was changed.",
        "wrong-type": "A choice must come as a form or as JSON. Nothing was changed.",
        "not-found": "There is nothing here.",
        "wrong-method": "This cannot be asked in that way.",
        "embed-withheld": "{what} is not loaded, because it belongs to “{category}” and you have not accepted that.",
        "embed-load": "Accept “{category}” and load it",
        "not-stored": "Your consent could not be recorded, so nothing more was allowed. Please try again later.",
        "erased": "The records of your choices were erased and your choice was forgotten. We will ask you again.",
        "no-ledger": "The records of your choices cannot be reached. Nothing was changed. Please try again later.",
        "too-often": "That was asked too often. Please try again in a minute.",
    },
    "fr": {
        "title": "Réglages des cookies",
        "intro": "Choisissez ce que ce site peut faire. Avant votre choix, rien d'autre que le nécessaire n'a lieu.",
        "kept": "Votre choix est conservé {lifetime}, puis redemandé. Vous pouvez le changer ici à tout moment.",
        "decided": "Votre choix du {decided} est conservé jusqu'au {expires}.",
        "undecided": "Vous n'avez pas encore choisi.",
        "necessary": "Toujours actif\u00a0: le site ne peut pas fonctionner sans.",
        "on-request": "Seulement si vous le souhaitez\u00a0: tout accepter ne le comprend pas.",
        "exempt": "Actif tant que vous ne vous y opposez pas.",
        "signal": "Le Global Privacy Control de votre navigateur le refuse.",
        "accept-all": "Tout accepter",
        "reject-all": "Tout refuser",
        "save": "Enregistrer mon choix",
        "withdraw": "Retirer mon consentement",
        "services": "Services\u00a0:",
        "cookies": "Cookies\u00a0:",
        "contact": "Contact\u00a0:",
        "version": "Version de la politique\u00a0:",
        "back": "Retour au site",
        "again": "Choisir à nouveau",
        "bad-choice": "Ce choix n'a pas pu être lu. Rien n'a été changé.",
        "foreign-choice": "Un choix ne peut être fait que sur le site lui-même. Rien n'a été changé.",
        "outdated-choice": "La politique a changé depuis l'affichage de cette page. Rien n'a été changé\u00a0: "
        "veuillez choisir à nouveau.",
        "too-large": "C'était trop long. Rien n'a été changé.",
        "wrong-type": "Un choix doit venir d'un formulaire ou en JSON. Rien n'a été changé.",
        "not-found": "Il n'y a rien ici.",
        "wrong-method": "Cela ne peut pas être demandé ainsi.",
        "embed-withheld": "{what} n'est pas chargé\u00a0: cela relève de «\u00a0{category}\u00a0», "
        "que vous n'avez pas accepté.",
        "embed-load": "Accepter «\u00a0{category}\u00a0» et charger",
        "not-stored": "Votre consentement n'a pas pu être enregistré, rien de plus n'a donc été autorisé. "
        "Veuillez réessayer plus tard.",
        "erased": "Les enregistrements de vos choix ont été effacés et votre choix oublié. Nous vous le redemanderons.",
        "no-ledger": "Les enregistrements de vos choix sont inaccessibles. Rien n'a été changé. "
        "Veuillez réessayer plus tard.",
        "too-often": "Cela a été demandé trop souvent. Veuillez réessayer dans une minute.",
    },
}

_UNITS_IN_FRENCH = {
    "year": ("an", "ans"),
    "month": ("mois", "mois"),
    "week": ("semaine", "semaines"),
    "day": ("jour", "jours"),
    "hour": ("heure", "heures"),
    "minute": ("minute", "minutes"),
    "second": ("seconde", "secondes"),
}


def language_for(accept_language: str | None) -> str:
    """Return the visitor's most wanted language among those we have, English without any (RFC 9110, 12.5.4)."""
    return next((tag for tag in _wanted(accept_language or "") if tag in MESSAGES), "en")


def text_in(texts: Texts, language: str) -> str:
    """Return a site's own text in this language, else the one for every language, else English, else any, else ""."""
    for tag in (language, "", "en"):
        if texts.get(tag):
            return texts[tag]
    return next(iter(texts.values()), "")


def lifetime_in(lifetime: str, language: str) -> str:
    """Return a lifetime ("6 months") in the words of a language."""
    count, _, unit = lifetime.partition(" ")
    words = _UNITS_IN_FRENCH.get(unit.removesuffix("s")) if language == "fr" else None
    return f"{count} {words[count != '1']}" if words else lifetime


def _wanted(accept_language: str) -> Iterator[str]:
    weighted: list[tuple[float, str]] = []
    for part in accept_language[:1000].split(","):
        tag, _, parameters = part.partition(";")
        weighted.append((_quality(parameters), tag.strip().lower()))
    for quality, tag in sorted(weighted, key=lambda pair: -pair[0]):
        if quality > 0:
            yield tag.partition("-")[0]


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
