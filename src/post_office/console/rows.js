// Tables that are shown again and again. A row that is there already stays, and with it the keyboard's focus and what
// somebody has selected: only the cells that say something else are replaced.

function tableRow(name, className, ...cells) {
  const row = el("tr", { className }, ...cells);
  row.dataset.name = name;
  row.said = cells.map((cell) => cell.outerHTML);   // as it was made: a button may be busy by now
  return row;
}

// `otherwise` stands there when there are none.
function showRows(id, rows, otherwise = "") {
  const body = $(id), focused = body.contains(document.activeElement) ? document.activeElement : null;
  const before = new Map(Array.from(body.rows, (row) => [row.dataset.name, row]));
  const wanted = (rows.length > 0 || !otherwise ? rows : [nothingRow(body, otherwise)]).map((row) => renewed(before.get(row.dataset.name), row));
  const kept = new Set(wanted);
  for (const row of before.values()) if (!kept.has(row)) row.remove();
  wanted.forEach((row, at) => { if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null); });
  if (!focused || body.contains(document.activeElement)) return;
  (focused.isConnected ? focused : body.closest(".table-frame")).focus({ preventScroll: true });
}

function nothingRow(body, words) {
  const columns = body.parentNode.querySelectorAll("thead th").length;
  return tableRow("", "", el("td", { colSpan: columns, className: "nothing", textContent: words }));
}

// The row that was there, saying what `row` says.
function renewed(there, row) {
  if (!there) return row;
  there.className = row.className;
  const cells = Array.from(row.cells);
  row.said.forEach((said, at) => {
    if (said === there.said[at]) return;
    const old = there.cells[at], hadFocus = old.contains(document.activeElement);
    old.replaceWith(cells[at]);
    if (hadFocus) cells[at].querySelector("button")?.focus({ preventScroll: true });
  });
  there.said = row.said;
  return there;
}
