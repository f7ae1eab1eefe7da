"""What docs/data.md shows, as it stands there, and its question in SQLite's words.

One rule: nothing is typed here that the page shows.
"""

import re

from tests import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
VIEW, QUESTION, PLACED, ATHENA, _ = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
PANDAS, COSTS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

WITHOUT_LIMIT = QUESTION.replace("LIMIT 5", "")
OF_PLACED = WITHOUT_LIMIT.replace("FROM air", "FROM placed")


def in_sqlite(country: str) -> str:
    """Ask the question of SQLite's view `air`; `country` is what a row's country is taken to be."""
    return f"""
SELECT place, substr(date, 1, 7) AS month, count(*) AS days,
       count(*) FILTER (WHERE "P2.5" > 15 OR P10 > 45) AS over_who
FROM (
    SELECT *, {country} AS place,
           row_number() OVER (
               PARTITION BY sensor_id, date ORDER BY measured_at DESC, CAST(id AS INT) DESC
           ) AS n
    FROM air
)
WHERE n = 1 GROUP BY place, month ORDER BY days DESC, place, month
"""  # noqa: S608 (words of ours)


IN_SQLITE = in_sqlite("country")
OF_PLACED_IN_SQLITE = in_sqlite("coalesce(country, max(country) OVER (PARTITION BY sensor_id))")
