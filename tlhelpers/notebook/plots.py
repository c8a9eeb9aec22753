"""Pictures of the course. Each function takes `ax=None` and returns the Axes it drew on.

Each also says in words what is seen, for those who do not see it: `describe` does so for pictures
that a cell draws by hand.
"""

from .ahead import ahead
from .alternative_text import alternative_text, describe
from .answers import confusion_matrix, most_wrong, predictions
from .asked import asked
from .comparisons import comparisons
from .curves import by_layer, labels_curve, learning_curves
from .decisions import decisions
from .embedding import embedding
from .grids import activation_maps, filters, image_grid, sheet
from .heat_map import heat_map
from .labelling import labelling
from .nearest import nearest
from .scores import by_method
from .styles import METHOD_COLOURS

__all__ = [
    "METHOD_COLOURS",
    "activation_maps",
    "ahead",
    "alternative_text",
    "asked",
    "by_layer",
    "by_method",
    "comparisons",
    "confusion_matrix",
    "decisions",
    "describe",
    "embedding",
    "filters",
    "heat_map",
    "image_grid",
    "labelling",
    "labels_curve",
    "learning_curves",
    "most_wrong",
    "nearest",
    "predictions",
    "sheet",
]
