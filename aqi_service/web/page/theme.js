// @ts-check
/** The theme that was chosen, in force before anything is painted; the one thing that the page keeps. */
document.documentElement.dataset.theme = (() => {
  try {
    return localStorage.getItem('theme') ?? 'auto';
  } catch {
    return 'auto';
  }
})();
