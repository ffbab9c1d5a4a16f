-- random, new with each revision: tells a store from a copy of it that went another way
ALTER TABLE lucarne_revision ADD COLUMN mark TEXT NOT NULL DEFAULT '';
