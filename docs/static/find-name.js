// A field that finds rows in all tables of a page: what matches stands below it, with the heading of its table in front.
// Without this file the page is as it is written.

const MOST_ROWS = 30;

// Read each row of the page's tables once, with the heading that its table stands under.
function rowsOfPage() {
  return [...document.querySelectorAll("section > .table-wrapper table, section > table")].flatMap(table => {
    const heading = table.closest("section").querySelector("h2, h3"), link = heading.querySelector("a.headerlink");
    const name = heading.firstChild.textContent, address = link ? link.getAttribute("href") : "";
    return [...table.tBodies[0].rows].map(row => ({ row, name, address, text: `${name} ${row.textContent}`.toLowerCase() }));
  });
}

// Names count first that begin with what is sought, then those that have it in them, then what only speaks of it.
function rank({ row }, sought) {
  const place = row.cells[0].textContent.toLowerCase().indexOf(sought);
  return place === 0 ? 0 : place > 0 ? 1 : 2;
}

function found(rows, sought) {
  const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const hits = rows.filter(each => words.every(word => each.text.includes(word)));
  return hits.sort((one, two) => rank(one, words[0]) - rank(two, words[0]));
}

function rowOf({ row, name, address }) {
  const copy = row.cloneNode(true), cell = copy.insertCell(0), link = document.createElement("a");
  link.href = address;
  link.textContent = name;
  cell.append(link);
  return copy;
}

function makeFinder(place) {
  const rows = rowsOfPage(), label = document.createElement("label"), input = document.createElement("input");
  const said = document.createElement("p"), table = document.createElement("table");
  input.type = "search";
  input.placeholder = place.dataset.example;
  label.append(place.dataset.label, input);
  said.setAttribute("role", "status");
  table.createTHead().innerHTML = `<tr>${["library", "name", "here", "what differs"].map(head => `<th>${head}</th>`).join("")}</tr>`;
  const body = table.createTBody();
  const show = () => {
    const hits = found(rows, input.value);
    body.replaceChildren(...hits.slice(0, MOST_ROWS).map(rowOf));
    table.hidden = !hits.length;
    const more = hits.length > MOST_ROWS ? `, of which ${MOST_ROWS} are shown` : "";
    said.textContent = input.value.trim() ? `${hits.length || "no"} ${hits.length === 1 ? "name" : "names"}${more}` : "";
  };
  input.oninput = show;
  const wrapper = document.createElement("div");
  wrapper.className = "table-wrapper docutils container";
  table.className = "docutils align-default";
  wrapper.append(table);
  place.append(label, said, wrapper);
  show();
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".find-name").forEach(makeFinder));
