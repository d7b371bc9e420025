"use strict";
// What the report adds where scripts run: sorting, filtering, opening and closing. Without it everything is there and
// shown. It keeps nothing, loads nothing, and makes no markup out of text: names in the tables may be hostile.
(() => {
  const unknown = ["", "–"];

  /** What a cell is sorted by: a number, a text, or null where it is unknown. */
  const keyOf = (cell, numeric) => {
    if (numeric) return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
    const text = cell.textContent.trim();
    return unknown.includes(text) ? null : text.toLowerCase();
  };

  /** Puts unknown last whichever way the rest is sorted. */
  const compare = (a, b, sign) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return a < b ? -sign : a > b ? sign : 0;
  };

  const makeSortable = (table) => {
    const body = table.tBodies[0];
    const asWritten = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const numeric = head.classList.contains("number");
      // Figures are wanted largest first, names from A; the third press brings back the order of the report.
      const [first, second] = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        const order = was === first ? second : was === second ? null : first;
        for (const each of heads) each.removeAttribute("aria-sort");
        let rows = asWritten;
        if (order !== null) {
          head.setAttribute("aria-sort", order);
          const sign = order === "ascending" ? 1 : -1;
          rows = asWritten
            .map((row) => [keyOf(row.cells[place], numeric), row])
            .sort(([a], [b]) => compare(a, b, sign))
            .map(([, row]) => row);
        }
        body.append(...rows);
      });
    });
  };

  const makeFilterable = (section) => {
    const input = section.querySelector("input[type=search]");
    const status = section.querySelector("[role=status]");
    const rows = [...section.querySelector("tbody").rows].map((row) => [row, row.textContent.toLowerCase()]);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      let shown = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      }
      status.textContent = input.value.trim() ? status.dataset.text.replace("{shown}", String(shown)) : "";
    });
  };

  const setAll = (open) => {
    for (const details of document.querySelectorAll("details")) details.open = open;
  };

  /** Shows what a link leads to, also within closed details or a filtered table. */
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target === null) return;
    for (let at = target.closest("details"); at !== null; at = at.parentElement.closest("details")) at.open = true;
    if (target.hidden) {
      const input = target.closest("details").querySelector("input[type=search]");
      input.value = "";
      input.dispatchEvent(new Event("input"));
    }
    target.scrollIntoView();
  };

  for (const tools of document.querySelectorAll(".tools")) tools.hidden = false;
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  for (const input of document.querySelectorAll("input[type=search]")) makeFilterable(input.closest("details"));
  for (const button of document.querySelectorAll("button[data-details]")) {
    button.addEventListener("click", () => setAll(button.dataset.details === "open"));
  }

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    setAll(true);
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });
  addEventListener("hashchange", reveal);
  // A link to where the address already points brings no hashchange.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link !== null && link.hash === location.hash) reveal();
  });
  if (location.hash) reveal();
})();
