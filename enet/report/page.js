"use strict";
document.documentElement.classList.add("js");
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

// The passes of a gate are collapsed behind the one nearest to its limit.
function toggle(button, open) {
  button.setAttribute("aria-expanded", open);
  for (const row of all(".member", button.closest("tbody"))) row.hidden = !open;
}
for (const button of all(".more")) {
  toggle(button, false);
  button.addEventListener("click", () => toggle(button, button.getAttribute("aria-expanded") == "false"));
}

// Gates are filtered by words and outcomes.
for (const form of all(".filter")) {
  const apply = () => {
    const words = form.querySelector("[type=search]").value.toLowerCase().split(/\s+/);
    const chosen = all(":checked", form).map((box) => box.value);
    const groups = all("[data-group]");
    for (const group of groups) {
      const text = group.textContent.toLowerCase();
      group.hidden = !chosen.includes(group.dataset.group) || !words.every((word) => text.includes(word));
    }
    const hidden = groups.filter((group) => group.hidden).length;
    form.querySelector("output").value = hidden ? `${hidden} of ${groups.length} hidden` : "";
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
}

// A click on a title sorts by its column: numbers by value, and what has none comes last.
function sort(table, column, down) {
  const key = (part) => {
    const cell = (part.rows ? part.rows[0] : part).cells[column];
    return cell.dataset.sort ?? cell.textContent.trim();
  };
  const isEmpty = (text) => text === "" || text === "-";
  const compare = (a, b) => {
    const numbers = [Number(a), Number(b)];
    if (isEmpty(a) != isEmpty(b)) return isEmpty(a) ? 1 : -1;
    const order = numbers.some(isNaN) ? a.localeCompare(b, "en", { numeric: true }) : numbers[0] - numbers[1];
    return down ? -order : order;
  };
  const bodies = all("tbody", table), parts = bodies.length > 1 ? bodies : all("tr", bodies[0]);
  parts.map((part) => [key(part), part]).sort((a, b) => compare(a[0], b[0])).forEach(([, part]) => part.parentNode.append(part));
}
for (const table of all("table.sortable")) {
  const titles = all("thead th", table);
  titles.forEach((title, column) => {
    if ("plain" in title.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const down = title.getAttribute("aria-sort") == "ascending";
      titles.forEach((other) => other.removeAttribute("aria-sort"));
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(table, column, down);
    });
  });
}

for (const button of all(".copy")) {
  const code = button.parentNode.querySelector("code");
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(code); // for browsers that give a file no clipboard
    const copied = await navigator.clipboard?.writeText(code.textContent).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "Selected";
  });
}

for (const picture of all(".picture")) {
  const over = picture.querySelector(".over"), slider = picture.querySelector("input"), choice = picture.querySelector("select");
  slider.addEventListener("input", () => { over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`; });
  choice.addEventListener("change", () => { over.src = over.dataset[choice.value]; over.alt = choice.selectedOptions[0].text; });
}
