import { useGraphiQL } from '@graphiql/react';
import { useEffect } from 'react';
import { usePage } from './state';

/** Sets what GraphiQL has no property for. */
export function EditorOptions() {
  const { queryEditor, variableEditor, headerEditor, responseEditor, schema } = useGraphiQL((state) => state);
  // Long lines are wrapped, and line numbers take no more room than they need.
  useEffect(() => {
    for (const editor of [queryEditor, variableEditor, headerEditor, responseEditor]) {
      editor?.updateOptions({ wordWrap: 'on', lineNumbersMinChars: 2, folding: editor === responseEditor });
    }
  }, [queryEditor, variableEditor, headerEditor, responseEditor]);
  // Why the schema could not be read stands in place of an answer, and would stay there after signing in.
  useEffect(() => {
    if (schema && !usePage.getState().exchange) responseEditor?.setValue('');
  }, [schema, responseEditor]);
  return null;
}
