// How many classes labels tell apart.

/** Train ids are bytes and 255 is the ignore label, so there are at most 255 classes. */
export const MAX_CLASSES = 255;
