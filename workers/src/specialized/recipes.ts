import type { TaskType } from "@agentvine/contracts";
import { bugfixRecipe } from "./bugfix.ts";
import { docsRecipe } from "./docs.ts";
import { featureRecipe } from "./feature.ts";
import type { Recipe } from "./recipe.ts";
import { testRecipe } from "./test.ts";

const recipes: readonly Recipe[] = [featureRecipe, bugfixRecipe, testRecipe, docsRecipe];

/** Task types a worker can serve in this version. */
export const supportedTaskTypes: readonly TaskType[] = recipes.map((recipe) => recipe.taskType);

/** The recipe of a task type; undefined for types that have none yet. */
export const recipeFor = (taskType: TaskType): Recipe | undefined =>
  recipes.find((recipe) => recipe.taskType === taskType);
