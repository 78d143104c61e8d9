// A click on a heading sorts its table, a second one reverses the order. The report can be read without this script.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  // The headings by column: those of the last row, and those of earlier rows that reach down to it.
  const rows = [...table.tHead.rows];
  const heads = rows.flatMap((row, at) => [...row.cells].filter(cell => at + cell.rowSpan === rows.length));
  heads.sort((a, b) => (b.rowSpan > 1) - (a.rowSpan > 1));
  // The cell of a row in a column; one that spans several columns counts for each of them.
  const cell = (row, at) => {
    for (const cell of row.cells) {
      at -= cell.colSpan;
      if (at < 0) return cell;
    }
  };
  const text = (row, at) => (cell(row, at).querySelector(".value") ?? cell(row, at)).textContent.trim();
  const number = text => parseFloat(text.replaceAll(",", "").replace("−", "-").replace(/^\[/, ""));
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const numeric = head.classList.contains("right");
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const compare = (a, b) => {
        // Averages stay at the end, and rows without a number come last either way.
        const last = a.classList.contains("average") - b.classList.contains("average");
        if (last) return last;
        const [s, t] = [text(a, at), text(b, at)], [x, y] = [number(s), number(t)];
        if (numeric && (!isNaN(x) || !isNaN(y))) return isNaN(x) || isNaN(y) ? isNaN(x) - isNaN(y) : up ? x - y : y - x;
        return up ? s.localeCompare(t) : t.localeCompare(s);
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
