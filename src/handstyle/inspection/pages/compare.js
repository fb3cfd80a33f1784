"use strict";
// A slider moves the edge between two pictures; without a script they stand side by side.
for (const slider of document.querySelectorAll(".slider")) {
  const handle = slider.querySelector("input");
  const move = () => slider.style.setProperty("--at", handle.value + "%");
  slider.classList.add("on");
  handle.addEventListener("input", move);
  move();
}
