// The editor's own threads. GraphiQL's set-up for Vite does the same, and writes a line to the console for each.
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker.js?worker';
import JsonWorker from 'monaco-editor/esm/vs/language/json/json.worker.js?worker';
import GraphQLWorker from 'monaco-graphql/esm/graphql.worker.js?worker';

const WORKERS: Record<string, new () => Worker> = { json: JsonWorker, graphql: GraphQLWorker };

window.MonacoEnvironment = {
  getWorker: (_: string, label: string) => new (WORKERS[label] ?? EditorWorker)(),
};
