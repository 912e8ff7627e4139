"""The shop behind the page, as the tests prepare it and look at it: through the clients' library."""

import itertools

from quitanda.domain.model import OrderState

ALL_STATES = tuple(OrderState)


class Shop:
    """Products and customers with ids that no other test uses."""

    def __init__(self, cluster, office, stack):
        self.cluster = cluster
        self.office = office
        self._stack = stack
        self._numbers = itertools.count(1)

    @property
    def staff_token(self) -> str:
        return self.cluster.callers.administrator

    def new_id(self, kind: str) -> str:
        return f"{kind}-{next(self._numbers)}"

    async def product(self, name="Pão de queijo", price=250, quantity=100, **more):
        """Add a product; give its id. Its name is its own, too."""
        product_id = self.new_id("product")
        await self.office.create_product(product_id, f"{name} {product_id}", price, quantity, **more)
        return product_id

    async def customer(self, name="Conceição"):
        """Register a customer; give her id and her secret."""
        customer_id = self.new_id("customer")
        await self.office.create_customer(customer_id, name)
        return customer_id, self.cluster.callers.token_of(customer_id)

    async def client(self, customer_id):
        """Give a customer's client, for what she did elsewhere."""
        return await self._stack.enter_async_context(self.cluster.callers.shop_client(customer_id))

    async def stock(self, product_id) -> int:
        return (await self.office.get_product(product_id)).document.quantity

    async def orders(self, customer_id):
        """Give every order of a customer, oldest first, as state and units of each product."""
        client = await self.client(customer_id)
        listed = (await client.orders_page(100, states=list(ALL_STATES))).documents
        orders = [(await client.get_order(each.order_id, include_closed=True)).document for each in listed]
        orders.sort(key=lambda order: order.created_at_ms)
        return [(str(order.state), {item.product_id: item.quantity for item in order.items}) for order in orders]
