"use strict";
// One drawing after the other; the guesses stay here until they are saved as a file.
const { number, columns, rows, test } = document.body.dataset;
const guesses = Array(Number(number)).fill(null);
const sheet = Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
const step = id => document.getElementById(id);
const drawing = document.querySelector(".drawing");
const buttons = [...document.querySelectorAll("[data-guess]")];
let place = 0;
let began = 0;
let seconds = 0;

const chosen = name => document.querySelector(`input[name=${name}]:checked`)?.value;
const show = id => {
  for (const section of document.querySelectorAll(".step")) section.hidden = section.id !== id;
  window.scrollTo(0, 0);
};
const at = (index, of) => (of > 1 ? (100 * index) / (of - 1) : 0) + "%";
const look = index => {
  place = index;
  drawing.style.backgroundPosition = `${at(index % columns, columns)} ${at(Math.floor(index / columns), rows)}`;
  drawing.setAttribute("aria-label", `Drawing ${index + 1}`);
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.guess === guesses[index]));
  document.querySelector(".count").textContent = `${index + 1} of ${number}`;
  document.querySelector(".bar i").style.width = (100 * index) / number + "%";
  step("back").hidden = index === 0;
  show("looking");
  drawing.focus({ preventScroll: true });
};
const record = () => JSON.stringify({
  format: "handstyle/guesses/1", test, sheet, judge: chosen("judge"), name: step("name").value.trim(),
  saw_works_before: chosen("before") === "yes", seconds: Math.round(seconds), guesses,
}, null, 1);
const finish = () => {
  seconds = (performance.now() - began) / 1000;
  document.querySelector(".count").textContent = "";
  step("text").value = record();
  show("done");
};
const guess = hand => {
  guesses[place] = hand;
  if (place + 1 < guesses.length) look(place + 1);
  else finish();
};

document.addEventListener("change", () => {
  const ready = Boolean(chosen("judge") && chosen("before"));
  step("begin").disabled = !ready;
  step("lacking").hidden = ready;
});
step("begin").addEventListener("click", () => { began = performance.now(); look(0); });
step("back").addEventListener("click", () => look(place - 1));
step("again").addEventListener("click", () => look(guesses.length - 1));
for (const button of buttons) button.addEventListener("click", () => guess(button.dataset.guess));
document.addEventListener("keydown", event => {
  if (step("looking").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key.toLowerCase() === "a") guess("artist");
  if (event.key.toLowerCase() === "m") guess("model");
});
step("save").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([record()], { type: "application/json" }));
  link.download = `guesses-${sheet.slice(0, 8)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});
