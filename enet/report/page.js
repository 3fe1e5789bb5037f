"use strict";
const specs = JSON.parse(document.getElementById("specs").textContent);

// Charts take the page's colours, and are drawn again when these change.
function drawAll() {
  const style = getComputedStyle(document.documentElement);
  const text = style.getPropertyValue("--text").trim(), line = style.getPropertyValue("--line").trim();
  const config = {
    view: { stroke: line }, axis: { labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line, labelLimit: 140 },
    legend: { labelColor: text, titleColor: text }, font: "system-ui, sans-serif",
  };
  for (const [place, spec] of Object.entries(specs)) {
    drawChart("#" + place, spec, { actions: false, renderer: "svg", config });
  }
}
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

for (const picture of document.querySelectorAll(".picture")) {
  const over = picture.querySelector(".over"), slider = picture.querySelector("input"), choice = picture.querySelector("select");
  slider.addEventListener("input", () => { over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`; });
  choice.addEventListener("change", () => { over.src = over.dataset[choice.value]; over.alt = choice.selectedOptions[0].text; });
}
