export function Typing() {
  return (
    <div className="dots flex h-7 items-center gap-1.5" aria-label="The answer is on its way" role="img">
      <span className="size-2 rounded-full bg-accent" />
      <span className="size-2 rounded-full bg-accent" />
      <span className="size-2 rounded-full bg-accent" />
    </div>
  )
}
