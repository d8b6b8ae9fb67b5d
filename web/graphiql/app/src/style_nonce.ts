// The page's Content-Security-Policy allows no style but those of its server. The editor and the dialogs make some of
// their own: they carry the nonce of this page, as the policy wants. To be imported before anything that makes styles.
const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';
const createElement = document.createElement.bind(document);

document.createElement = (name: string, options?: ElementCreationOptions) => {
  const element = createElement(name, options);
  if (name === 'style') element.nonce = nonce;
  return element;
};
