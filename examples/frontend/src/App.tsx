import { useEffect, useMemo, useState } from 'react';
import { DealPage } from './DealPage';
import { DealsPage } from './DealsPage';
import { Freshness } from './Freshness';
import { readRoute, useHash } from './route';

export function App() {
  const hash = useHash();
  const route = useMemo(() => readRoute(hash), [hash]);
  const [back, setBack] = useState('#/');
  const isList = 'list' in route;
  useEffect(() => {
    if (isList) setBack(hash || '#/');
  }, [isList, hash]);
  return (
    <>
      <header>
        <a className="title" href="#/">
          Deals
        </a>
        <Freshness />
      </header>
      <main>{isList ? <DealsPage list={route.list} /> : <DealPage key={route.deal} id={route.deal} back={back} />}</main>
    </>
  );
}
