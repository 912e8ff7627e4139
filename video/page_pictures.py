"""The pictures of the page for the READMEs, in each language."""

import io
from pathlib import Path
from typing import Any, Final

from person import Person
from PIL import Image

from quitanda.domain.commands import ItemQuantity
from quitanda_clients.i18n.languages import Language
from quitanda_testing.cluster.process_cluster import ProcessCluster
from video.page_chapter import CUSTOMER_ID, PRODUCT_ID, Visitors

SIZE: Final = (1400, 860)
PRODUCTS: Final = 8
COLOURS: Final = 96
"""So many are enough for a page without photographs."""


async def take_pictures(chromium: Any, cluster: ProcessCluster, folder: Path) -> list[Path]:
    """Take the pictures once the chapter of the page was played; give their files."""
    written = []
    async with cluster.callers.shop_client(CUSTOMER_ID) as client:
        found = (await client.products_page(PRODUCTS)).documents
        others = [product.product_id for product in found if product.quantity and product.product_id != PRODUCT_ID]
        items = [ItemQuantity(product_id, units) for units, product_id in enumerate([PRODUCT_ID, *others[:3]], 1)]
        order = (await client.create_order(items)).document.order_id
    async with Visitors(chromium, cluster, SIZE) as visitors:
        for language in Language:
            ana = await visitors.sit_down(language)
            await ana.sign_in_as_customer(CUSTOMER_ID, cluster.callers.token_of(CUSTOMER_ID))
            written.append(await _picture(ana, f"/orders/{order}", folder, "order"))
            bia = await visitors.sit_down(language)
            await bia.sign_in_as_staff(cluster.callers.administrator)
            written.append(await _picture(bia, "/office/orders", folder, "office"))
        visitors.require_no_complaints()
    return written


async def _picture(person: Person, path: str, folder: Path, name: str) -> Path:
    await person.open(path)
    image = Image.open(io.BytesIO(await person.page.screenshot())).convert("RGB")
    file = folder / f"page-{name}.{person.language.value}.png"
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    return file
