"""What the shop sells, what is left of it, and what was sold before. Prices are whole cents, VAT included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "fr": "Français"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One thing on the shelf. ``slug`` names it in addresses, forms and baskets; texts are by language."""

    slug: str
    price: int
    stock: int
    name: Mapping[str, str]
    summary: Mapping[str, str]
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One line of the order book, which names no customer."""

    number: int
    day: date
    product: Product
    quantity: int

    @property
    def total(self) -> int:
        return self.product.price * self.quantity


PRODUCTS: Mapping[str, Product] = MappingProxyType(
    {
        product.slug: product
        for product in (
            Product(
                slug="dune-notebook",
                price=1850,
                stock=42,
                name={"en": "Dune notebook", "fr": "Carnet Dune"},
                summary={"en": "A5, dotted, 192 pages", "fr": "A5, pointillé, 192 pages"},
                details={
                    "en": "Thread-sewn so that it lies flat at any page. 90 g paper that takes fountain pen ink "
                    "without bleeding, linen cover, two ribbons.",
                    "fr": "Cousu au fil pour rester à plat à chaque page. Papier 90 g qui accepte l’encre sans "
                    "traverser, couverture en lin, deux signets.",
                },
            ),
            Product(
                slug="heron-fountain-pen",
                price=6400,
                stock=9,
                name={"en": "Heron fountain pen", "fr": "Stylo plume Héron"},
                summary={"en": "Steel nib, piston filler", "fr": "Plume acier, remplissage à piston"},
                details={
                    "en": "A slim pen of brushed aluminium with a springy steel nib, medium or fine. "
                    "Filled from the bottle; the piston holds 1.4 ml, enough for some forty pages.",
                    "fr": "Un stylo fin en aluminium brossé, plume acier souple, moyenne ou fine. "
                    "Se remplit au flacon ; le piston contient 1,4 ml, de quoi écrire une quarantaine de pages.",
                },
            ),
            Product(
                slug="midnight-ink",
                price=1490,
                stock=120,
                name={"en": "Midnight ink", "fr": "Encre Minuit"},
                summary={"en": "Blue-black, 50 ml", "fr": "Bleu-noir, 50 ml"},
                details={
                    "en": "A calm blue-black that dries to slate. Water-based, gentle to old pens, "
                    "in a heavy glass bottle with a well for the last drops.",
                    "fr": "Un bleu-noir paisible qui sèche ardoise. À base d’eau, douce pour les stylos anciens, "
                    "dans un flacon de verre épais qui donne jusqu’à la dernière goutte.",
                },
            ),
            Product(
                slug="letter-set",
                price=2200,
                stock=31,
                name={"en": "Letter set", "fr": "Nécessaire de correspondance"},
                summary={"en": "20 sheets, 10 lined envelopes", "fr": "20 feuilles, 10 enveloppes doublées"},
                details={
                    "en": "Laid paper with deckled edges and envelopes lined in brick red tissue. "
                    "For thank-yous, apologies and good news.",
                    "fr": "Papier vergé à bords frangés, enveloppes doublées de papier de soie brique. "
                    "Pour les mercis, les pardons et les bonnes nouvelles.",
                },
            ),
            Product(
                slug="linen-pencil-case",
                price=2700,
                stock=17,
                name={"en": "Linen pencil case", "fr": "Trousse en lin"},
                summary={"en": "Six loops, leather tie", "fr": "Six passants, lien de cuir"},
                details={
                    "en": "A roll of washed linen with room for six pens, sewn in a workshop of eight people "
                    "in the Vosges. Gets better with ink stains.",
                    "fr": "Un rouleau de lin lavé pour six stylos, cousu par un atelier de huit personnes "
                    "dans les Vosges. S’embellit avec les taches d’encre.",
                },
            ),
            Product(
                slug="brass-ruler",
                price=1600,
                stock=0,
                name={"en": "Brass ruler", "fr": "Règle en laiton"},
                summary={"en": "20 cm, engraved", "fr": "20 cm, gravée"},
                details={
                    "en": "Two millimetres of solid brass, centimetres on one edge and inches on the other. "
                    "Back in stock when the engraver is back from her holidays.",
                    "fr": "Deux millimètres de laiton massif, centimètres d’un côté, pouces de l’autre. "
                    "De retour en stock quand la graveuse rentrera de vacances.",
                },
            ),
            Product(
                slug="sealing-wax",
                price=2900,
                stock=14,
                name={"en": "Sealing wax and stamp", "fr": "Cire et cachet"},
                summary={"en": "Three sticks, one initial", "fr": "Trois bâtons, une initiale"},
                details={
                    "en": "Three sticks of supple wax that survive the post, and a brass stamp with the letter "
                    "you choose, on a beech handle.",
                    "fr": "Trois bâtons de cire souple qui résistent à la poste, et un cachet en laiton à la "
                    "lettre de votre choix, manche en hêtre.",
                },
            ),
            Product(
                slug="wall-calendar",
                price=2400,
                stock=55,
                name={"en": "Wall calendar", "fr": "Calendrier mural"},
                summary={"en": "Twelve linocuts, A3", "fr": "Douze linogravures, A3"},
                details={
                    "en": "Twelve birds in linocut, one for each month, printed in two colours on 250 g paper. "
                    "The sheets come off cleanly and frame well.",
                    "fr": "Douze oiseaux en linogravure, un par mois, imprimés en deux couleurs sur papier 250 g. "
                    "Les feuilles se détachent net et s’encadrent bien.",
                },
            ),
        )
    }
)


def format_price(cents: int, language: str) -> str:
    """Write a price as readers of that language expect it: €1,234.50, or 1 234,50 € with unbreakable spaces."""
    euros = f"{cents / 100:,.2f}"
    if language != "fr":
        return f"€{euros}"
    return euros.replace(",", "\u202f").replace(".", ",") + "\u00a0€"


def order_book(count: int = 1_000) -> Iterator[Order]:
    """Yield the orders of the last months, oldest first; made up, and the same each time."""
    products = list(PRODUCTS.values())
    opening = date(2026, 1, 2)
    for index in range(count):
        yield Order(
            number=20_000 + index,
            day=opening + timedelta(days=index // 4),
            product=products[index * 5 % len(products)],
            quantity=1 + index * 7 % 3,
        )


def orders_csv() -> Iterator[str]:
    """Yield the order book line by line as CSV, for pages that stream it."""
    yield "order,day,product,quantity,total_eur\r\n"
    for order in order_book():
        yield f"{order.number},{order.day},{order.product.slug},{order.quantity},{order.total / 100:.2f}\r\n"
