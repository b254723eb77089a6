import { useMutation } from '@tanstack/react-query'
import { type MessageMarks, markMessage } from '@/api/client'
import type { Facts } from '@/streams/message'
import type { Conversation } from './conversation'

interface Marking {
  messageId: string
  marks: MessageMarks
  /** What is thought of it until then, and comes back when it cannot be stored. */
  before: Facts
}

/** Says what one thinks of a message; it is shown at once. */
export function useMark(conversation: Conversation) {
  return useMutation({
    mutationFn: ({ messageId, marks }: Marking) => markMessage(conversation.chatId.get() ?? '', messageId, marks),
    onMutate: ({ messageId, marks }) => {
      conversation.amend(messageId, definite(marks))
    },
    onError: (_error, { messageId, before }) => {
      conversation.amend(messageId, before)
    },
  })
}

function definite({ reactions, rating, ratingReason }: MessageMarks): Partial<Facts> {
  return {
    ...(reactions && { reactions }),
    ...(rating !== undefined && { rating, ratingReason: ratingReason ?? null }),
  }
}
