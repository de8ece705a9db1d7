/**
 * The page's only script: it asks for the page again and puts in what has changed, so that the place one reads at, what
 * one has opened and where the keyboard is stay as they are. Without it, the page reloads itself now and then.
 * It is text, and not a file of its own, so that it is found wherever the program is built.
 */
export const refreshScript: string = `'use strict';
(() => {
  const every = 15000;
  const note = document.getElementById('refreshed');
  const parts = () => document.querySelectorAll('[data-part]');

  function focusIn(part) {
    const places = [...part.querySelectorAll('a, summary, [tabindex]')];
    const at = places.indexOf(document.activeElement);
    return at < 0 ? undefined : at;
  }

  function put(part, fresh) {
    if (part.innerHTML === fresh.innerHTML) return;
    const chosen = document.getSelection();
    if (chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode)) return;
    const focus = focusIn(part);
    const open = new Set([...part.querySelectorAll('details[open]')].map(({ id }) => id));
    const scrolled = [...part.querySelectorAll('.scroll')].map((box) => [box.scrollLeft, box.scrollTop]);
    part.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
    for (const details of part.querySelectorAll('details')) details.open = open.has(details.id);
    for (const [index, box] of part.querySelectorAll('.scroll').entries()) {
      const [left, top] = scrolled[index] || [0, 0];
      box.scrollLeft = left;
      box.scrollTop = top;
    }
    if (focus !== undefined) {
      const place = part.querySelectorAll('a, summary, [tabindex]')[focus];
      if (place) place.focus({ preventScroll: true });
    }
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.pathname + location.search, { cache: 'no-store', signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error('status ' + answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const before = scrollY;
      for (const part of parts()) {
        const other = fresh.querySelector('[data-part="' + part.dataset.part + '"]');
        if (other) put(part, other);
      }
      document.title = fresh.title;
      scrollTo(scrollX, before);
      note.textContent = '';
    } catch (error) {
      note.textContent = 'The exporter does not answer; this page is not up to date.';
    }
  }

  setInterval(refresh, every);
  document.addEventListener('visibilitychange', refresh);
})();
`;
