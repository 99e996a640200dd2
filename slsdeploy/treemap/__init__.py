"""A bundle's files -> one HTML page that shows what takes the room, as nested rectangles; it needs nothing but itself."""

from slsdeploy.treemap.nodes import Sized
from slsdeploy.treemap.page import page

__all__ = ["Sized", "page"]
