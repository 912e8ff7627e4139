"""Live pages: what changes in the shop is told to the open pages, as server-sent events.

    portal ── one watch ──> LiveTopic ──> LiveSubscription ── stream ──> the tabs of one browser

A topic is what several pages follow: the products, for customers or for staff; the orders of all, or of one customer;
the cluster. It asks the portals once for all of them, with the token of one of those who follow it, remembers its
newest events, and so lets each stream go on after the last event that it heard. A stream belongs to a session: whose
token is no longer valid is not told anything more, at the latest when the token is looked at again.
"""
