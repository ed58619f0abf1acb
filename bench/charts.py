"""The figures of bench/compare and bench/scaling, drawn with matplotlib (Debian's python3-matplotlib)."""
import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"font.size": 8, "svg.fonttype": "none", "axes.spines.top": False,
                            "axes.spines.right": False})

from matplotlib import pyplot

# What a bar is of, by how the name of its rate begins; the best rate of each kind is drawn.
KINDS = (("Headstart int8, or from cached features", ("Headstart int8", "Headstart from the cache"), "#1b4f8f"),
         ("Headstart bf16 or f32", ("Headstart bf16", "Headstart f32"), "#4f8fd0"),
         ("PyTorch, its best", ("PyTorch ",), "#d08a3c"), ("ONNX Runtime", ("ONNX Runtime",), "#9a9a9a"),
         ("PyTorch as installed", ("PyTorch as installed",), "#e3c9a4"))
INSTALLED = "PyTorch as installed"


def best_of(rates, starts):
    found = [rate for name, rate in rates.items()
             if name.startswith(starts) and (name != INSTALLED or starts == (INSTALLED,))]
    return max(found) if found else 0.0


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def draw_rates(results, path):
    """Images a second of every case that has them, as shares of the fastest of the case."""
    cases = [result for result in results.values() if result["unit"] == "images/s"
             and any(name.startswith("PyTorch") for name in result["rates"])]
    figure, axes = pyplot.subplots(figsize=(8, 0.3 + 0.62 * len(cases)))
    for row, case in enumerate(cases):
        values = [best_of(case["rates"], starts) for _, starts, _ in KINDS]
        for place, ((_, _, colour), value) in enumerate(zip(KINDS, values)):
            if value:
                y = row + 0.16 * (place - 2)
                axes.barh(y, value / max(values), 0.15, color=colour)
                axes.text(value / max(values) + 0.005, y, f"{value:.3g}", va="center", fontsize=6)
    axes.set_yticks(range(len(cases)), [case["title"].replace(", ", "\n", 1) for case in cases])
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.set_xlabel("images a second")
    axes.legend(handles=[matplotlib.patches.Patch(color=colour, label=name) for name, _, colour in KINDS],
                loc="lower left", bbox_to_anchor=(-0.3, 1.0), ncol=3, frameon=False)
    save(figure, path)


def draw_growth(tables, path):
    """One small chart a table (title, unit, rows), side by side."""
    figure, all_axes = pyplot.subplots(1, len(tables), figsize=(2.9 * len(tables), 2.2))
    for axes, (title, unit, rows) in zip(all_axes, tables):
        bars = axes.bar([str(name) for name, _ in rows], [value for _, value in rows], 0.7, color="#4f8fd0")
        axes.bar_label(bars, [f"{value:.3g}" for _, value in rows], fontsize=6)
        axes.set_title(title.replace(", ", "\n", 1), fontsize=8, loc="left")
        axes.set_ylabel(unit)
        axes.tick_params("x", labelsize=6)
    save(figure, path)
