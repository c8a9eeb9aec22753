/* What scrolls sideways can be reached by the keyboard: it is a stop of the tab key. */
const boxes = document.querySelectorAll("pre, .table-wrapper, .cell_output > .output");

new ResizeObserver(() => {
  for (const box of boxes) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}).observe(document.documentElement);
