import type { GetServerSideProps } from 'next'

import type { Recipe } from '../components/RecipeCard'
import { recipes } from '../components/recipes'

export const getServerSideProps: GetServerSideProps<{ recipe: Recipe }> = async ({ params }) => {
  const recipe = recipes.find((candidate) => candidate.slug === params?.slug)
  return recipe ? { props: { recipe } } : { notFound: true }
}

export default function RecipePage({ recipe }: { recipe: Recipe }) {
  return (
    <main>
      <h1>{recipe.name}</h1>
      <p>Ready in {recipe.minutes} minutes.</p>
    </main>
  )
}
