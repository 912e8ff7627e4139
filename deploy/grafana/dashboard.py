"""Write the dashboard of Grafana: `python deploy/grafana/dashboard.py`.

The written file, dashboards/quitanda.json, is what Grafana reads. It is committed, and a test compares it
with the panels.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from panel import Panel
from panels import ROWS

FILE: Final = Path(__file__).parent / "dashboards" / "quitanda.json"
UID: Final = "quitanda"
DATA_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
"""Whoever looks at the dashboard chooses the data source."""
WIDTH: Final = 24
"""Columns of Grafana's grid."""
PANEL_WIDTH: Final = 8
PANEL_HEIGHT: Final = 8


def panel_json(panel: Panel, number: int, left: int, top: int) -> dict[str, Any]:
    """Describe one panel as Grafana does."""
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATA_SOURCE,
            "expr": query.expression,
            "legendFormat": query.legend,
            "instant": panel.table,
            "range": not panel.table,
            "format": "table" if panel.table else "time_series",
        }
        for index, query in enumerate(panel.queries)
    ]
    graph = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {
        "id": number,
        "type": "table" if panel.table else "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": DATA_SOURCE,
        "gridPos": {"x": left, "y": top, "w": PANEL_WIDTH, "h": PANEL_HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {} if panel.table else graph,
        "targets": targets,
    }


def panels_json() -> list[dict[str, Any]]:
    """Lay the rows below each other, three panels side by side."""
    laid: list[dict[str, Any]] = []
    top = 0
    for title, panels in ROWS:
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        laid.append({"id": len(laid) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place})
        top += 1
        in_one_line = WIDTH // PANEL_WIDTH
        for index, panel in enumerate(panels):
            line, column = divmod(index, in_one_line)
            laid.append(panel_json(panel, len(laid) + 1, column * PANEL_WIDTH, top + line * PANEL_HEIGHT))
        top += -(-len(panels) // in_one_line) * PANEL_HEIGHT
    return laid


def dashboard_json() -> str:
    """Give the whole file."""
    data_source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return (
        json.dumps(
            {
                "uid": UID,
                "title": "Quitanda",
                "schemaVersion": 39,
                "editable": False,
                "refresh": "10s",
                "time": {"from": "now-1h", "to": "now"},
                "templating": {"list": [data_source]},
                "panels": panels_json(),
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    target.write_text(dashboard_json(), encoding="utf-8")
