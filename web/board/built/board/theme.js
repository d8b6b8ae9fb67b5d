// Before anything is painted: the theme that somebody has chosen here. Without a choice the system's counts.
try {
  const theme = localStorage.getItem('opportunity-graph.theme');
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's theme.
}
