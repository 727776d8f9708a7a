/** The text of what models stream: strings, and chunks of OpenAI, Anthropic, LangChain and the AI SDK. */
export function textOf(chunk: any): string {
  if (typeof chunk === 'string') return chunk;
  if (!chunk || typeof chunk !== 'object') return '';
  const { type, delta, choices, content, text } = chunk;
  if (Array.isArray(choices)) return choices[0]?.delta?.content ?? choices[0]?.text ?? '';
  if (type === 'response.output_text.delta') return delta;
  if (type === 'content_block_delta') return delta?.type === 'text_delta' ? delta.text : '';
  if (type === 'text-delta') return text ?? delta ?? '';
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map((part) => part?.type === 'text' ? part.text : '').join('');
  return '';
}
