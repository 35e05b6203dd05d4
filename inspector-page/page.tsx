import { render } from 'preact';
import { App } from './app.js';
import './page.css';
import { Store } from './store.js';

const store = new Store(document.body.dataset['base'] ?? '');
store.connect();
render(<App store={store} />, document.body);
