"""Pictures of the course. Each function takes `ax=None` and returns the Axes it drew on.

Each also says in words what is seen, for those who do not see it: `describe` does so for pictures
that a cell draws by hand.
"""

from .ahead import ahead
from .alternative_text import alternative_text, describe
from .answers import confusion_matrix, most_wrong, predictions
from .asked import asked
from .by_group import by_group
from .comparisons import comparisons
from .curves import by_layer, labels_curve, learning_curves
from .decisions import decisions
from .embedding import embedding
from .four_fields import four_fields
from .grids import activation_maps, filters, image_grid, sheet
from .heat_map import heat_map
from .labelling import labelling
from .log_mels import log_mels
from .nearest import nearest
from .scores import by_method
from .styles import METHOD_COLOURS
from .thresholds import thresholds

__all__ = [
    "METHOD_COLOURS",
    "activation_maps",
    "ahead",
    "alternative_text",
    "asked",
    "by_group",
    "by_layer",
    "by_method",
    "comparisons",
    "confusion_matrix",
    "decisions",
    "describe",
    "embedding",
    "filters",
    "four_fields",
    "heat_map",
    "image_grid",
    "labelling",
    "labels_curve",
    "learning_curves",
    "log_mels",
    "most_wrong",
    "nearest",
    "predictions",
    "sheet",
    "thresholds",
]
