"""What is said when the store cannot be used."""


class StoreUnavailable(Exception):
    """The store cannot be used now; the text is one line for the operator, without a credential."""
