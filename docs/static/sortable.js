// Tables of the class "sortable": each head becomes a button that sorts by its column. Without this file they are plain.

function sortBy(table, column) {
  const head = table.tHead.rows[0].cells[column], up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = table.tBodies[0], text = row => row.cells[column].textContent.trim();
  const areNumbers = [...body.rows].every(row => !isNaN(text(row)));
  const order = (a, b) => areNumbers ? a - b : a.localeCompare(b);
  // What is empty stays last, whichever way.
  body.append(...[...body.rows].sort((one, two) => {
    const [a, b] = [text(one), text(two)];
    return !a || !b ? !a - !b : up ? order(a, b) : order(b, a);
  }));
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.onclick = () => sortBy(table, column);
    head.append(button);
  });
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("table.sortable").forEach(makeSortable));
