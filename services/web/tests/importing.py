"""Staff who send a file and let it be imported, as a browser does it."""

import asyncio

BOUNDARY = "----boundary"
PRODUCTS = "product_id,name,price,quantity\np1,Pão,2.50,10\np2,Queijo,12.00,3\n"
WITH_FILE = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
TRANSFER = "/office/transfer"


def multipart(fields, content, name="file.csv"):
    """A form with a file, as browsers send it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    parts.append(f"{head}Content-Type: text/csv\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def upload(browser, content, *, kind="products", name="file.csv", **typed):
    """Send a file, and see where that leads."""
    page = await browser.open(TRANSFER)
    assert page.status == 200
    token = page.form("/sign-out").fields["form_token"]
    content = content if isinstance(content, bytes) else content.encode()
    body = multipart({"form_token": token, "kind": kind, **typed}, content, name)
    sent = await browser.post("/office/imports", body, **WITH_FILE)
    return await browser.open(sent.location) if sent.status == 303 else sent


async def begin(browser, checked, **typed):
    """Let a checked file be imported, and wait until that is done."""
    (action,) = [form.action for form in checked.page.forms if form.action.endswith("/start")]
    page = await browser.fill(checked, action, **typed)
    return await ended(browser, page)


async def ended(browser, page):
    async with asyncio.timeout(10):
        while "Look again" in page.text:
            page = await browser.open(page.path)
    return page
