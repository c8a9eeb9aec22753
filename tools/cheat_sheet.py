"""What the cheat sheet says: in which case what to do, and what it brought in the course."""

# Case, advice, and what was measured, from the key figures of a notebook
RULES = (
    (
        "no label, but words for each class",
        "describe each class in two or three sentences, written once; compare embeddings",
        "08_zero_shot_text.ipynb",
        "{news_without_a_label:.0%} of news right without a label",
    ),
    (
        "a few labels a class",
        "freeze the backbone; fit a logistic regression on the features of one of its last blocks",
        "01_first_transfer.ipynb",
        "{test_transfer:.0%} right with {labels_per_class} labels a class; from scratch "
        "{test_from_scratch:.0%}",
    ),
    (
        "is it the pretraining?",
        "measure the same network with random weights, and raw pixels",
        "02_feature_extraction.ipynb",
        "pretrained {test_accuracy_labels_10:.0%}, random {random_weights_10_labels:.0%}, "
        "pixels {raw_pixels_10_labels:.0%}",
    ),
    (
        "source and target unlike",
        "measure pixels first: a network can hurt",
        "10_when_transfer_hurts.ipynb",
        "digits, one label: {points_imagenet_over_pixels_digits_1_label:+.0f} points, to pixels",
    ),
    (
        "many networks to choose from",
        "compare them by nearest neighbours on your labels, not by their size",
        "10_when_transfer_hurts.ipynb",
        "points lost: {points_lost_by_knn:.0f} by neighbours, {points_lost_by_size:.0f} by size",
    ),
    (
        "labels to be paid for",
        "begin with typical pictures, not with those the model doubts",
        "05_accumulating_data.ipynb",
        "{test_points_typical_20_labels:+.0f} points at 20 labels",
    ),
    (
        "hundreds of labels",
        "train the head first, then the last blocks at a tenth of the rate, to the end",
        "03_partial_fine_tuning.ipynb",
        "{test_points_won_moved_600_labels:+.0f} points at 600 labels",
    ),
    (
        "few labels, and you fine-tune all the same",
        "never all at once: the head first",
        "04_fine_tuning_in_depth.ipynb",
        "head first {test_points_head_first_5_labels:+.0f} points at 5 labels a class",
    ),
    (
        "when to change over",
        "train both at each round; change when fine-tuning wins twice in a row",
        "06_when_to_fine_tune.ipynb",
        "never more than {most_points_behind_moved:.0f} point behind",
    ),
    (
        "other noise or camera, no new label",
        "estimate BatchNorm's statistics anew on the new pictures",
        "11_kinds_of_transfer.ipynb",
        "{adabn_points_noisy:+.0f} points on noisy pictures",
    ),
    (
        "relatives in the data",
        "keep them on one side of the split",
        "14_your_own_data.ipynb",
        "a random split claims {points_claimed_by_a_mixed_split:.0f} points too much",
    ),
    (
        "groups in the data",
        "report each; collect labels where it is weak",
        "13_bias_and_cards.ipynb",
        "rare group, defects found: {test_poly_defects_found_few:.0%}; with more of its labels "
        "{test_poly_defects_found_collected:.0%}",
    ),
)


def rules(notebooks, key_figures):
    """The rows of the table, by the figures that the notebooks stored."""
    rows = ["| case | do | measured in |", "|---|---|---|"]
    for case, advice, name, measured in RULES:
        found = measured.format(**key_figures(notebooks[name]))
        rows.append(f"| {case} | {advice} | [{name[:2]}](../notebooks/{name}): {found} |")
    return rows
